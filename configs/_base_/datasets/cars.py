# Stanford Cars in data/cars, as in cars_train.tgz, cars_test.tgz and
# car_devkit.tgz: cars_train/*.jpg, cars_test/*.jpg and devkit/, into which
# cars_test_annos_withlabels.mat goes, a download of its own. The other layout
# of MMPretrain, car_ims/*.jpg and cars_annos.mat, counts where cars_annos.mat
# is found; the split is the same.
_base_ = ['views_in1k.py']

# For one GPU.
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    dataset=dict(type='StanfordCars', data_root='data/cars', split='train'),
)
# Replaced: the class sets `test_mode` by its split, and takes none.
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='StanfordCars',
        data_root='data/cars',
        split='test',
        pipeline=_base_.test_view,
    )
)
test_dataloader = val_dataloader
