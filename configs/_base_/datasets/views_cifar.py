# The views of the released CDS code for CIFAR, and what all CIFAR data sets
# share. `LoadRGBImage` leaves samples that are arrays already as they are.
crop_with_grey_border = dict(
    type='RandomCrop', crop_size=32, padding=4, pad_val=(128, 128, 128)
)
flip = dict(type='RandomFlip', prob=0.5, direction='horizontal')

# v0, for cross entropy, with Cutout; v1, for contrast alone, with colours.
classification_view = [
    crop_with_grey_border,
    flip,
    dict(type='ClippedCutout', size=16),
]
contrastive_view = [
    dict(type='RandomCrop', crop_size=32, padding=4, pad_val=(0, 0, 0)),
    flip,
    dict(
        type='RGBColorJitter',
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        hue=0.1,
        prob=0.8,
    ),
    dict(type='RGBGrayscale', prob=0.2),
]

load = dict(type='LoadRGBImage')
pack = dict(type='PackInputs')
one_view = [load, *classification_view, pack]
# The baseline whose augmentation has no Cutout.
one_view_plain = [load, crop_with_grey_border, flip, pack]
two_views = [
    load,
    dict(
        type='SeededMultiView',
        transforms=[classification_view, contrastive_view],
    ),
    pack,
]
test_view = [load, pack]

# The released code takes the statistics of CIFAR-10 for CIFAR-100 too.
data_preprocessor = dict(
    type='MultiViewDataPreprocessor',
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
    to_rgb=False,
)

# Workers end with the epoch: PyTorch refuses persistent workers where
# `num_workers=0` is set on the command line.
train_dataloader = dict(
    batch_size=128,
    num_workers=2,
    pin_memory=True,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(pipeline=one_view),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=2,
    pin_memory=True,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(pipeline=test_view, test_mode=True),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
