# FGVC-Aircraft, its 100 variants, in data/aircraft, as in
# fgvc-aircraft-2013b.tar.gz without the folder of that name:
# data/aircraft/data/images/*.jpg and data/aircraft/data/images_variant_*.txt.
# Training takes `trainval`, 6,667 images; 3,333 are for testing.
_base_ = ['views_in1k.py']

# For one GPU.
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    dataset=dict(
        type='FGVCAircraft', data_root='data/aircraft', split='trainval'
    ),
)
# Replaced: the class sets `test_mode` by its split, and takes none.
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='FGVCAircraft',
        data_root='data/aircraft',
        split='test',
        pipeline=_base_.test_view,
    )
)
test_dataloader = val_dataloader
