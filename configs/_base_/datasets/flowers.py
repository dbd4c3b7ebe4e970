# Oxford Flowers 102 in data/flowers: jpg/*.jpg from 102flowers.tgz, and
# imagelabels.mat and setid.mat beside it. Training takes `trainval`, 2,040
# images; 6,149 are for testing.
_base_ = ['views_in1k.py']

# For one GPU.
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    dataset=dict(
        type='Flowers102', data_root='data/flowers', split='trainval'
    ),
)
# Anew: the class sets `test_mode` by its split, and takes none.
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='Flowers102',
        data_root='data/flowers',
        split='test',
        pipeline=_base_.test_view,
    )
)
test_dataloader = val_dataloader
