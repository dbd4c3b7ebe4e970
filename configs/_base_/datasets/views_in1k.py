# The views of the released CDS code for ImageNet, and what the data sets of
# larger images share. Pillow resizes with antialiasing, as in that code.
flip = dict(type='RandomFlip', prob=0.5, direction='horizontal')

# v0, for cross entropy; v1, for contrast alone, with milder crops and colours.
classification_view = [
    dict(
        type='AntialiasedResizedCrop',
        scale=224,
        crop_ratio_range=(0.08, 1.0),
    ),
    flip,
]
contrastive_view = [
    dict(
        type='AntialiasedResizedCrop',
        scale=224,
        crop_ratio_range=(0.2, 1.0),
    ),
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
two_views = [
    load,
    dict(
        type='SeededMultiView',
        transforms=[classification_view, contrastive_view],
    ),
    pack,
]
test_view = [
    load,
    dict(type='ResizeEdge', scale=256, edge='short', backend='pillow'),
    dict(type='CenterCrop', crop_size=224),
    pack,
]

data_preprocessor = dict(
    type='MultiViewDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=False,
)

# For one GPU of eight: 256 in all. Workers end with the epoch: PyTorch
# refuses persistent workers where `num_workers=0` is set on the command line.
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    pin_memory=True,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(pipeline=one_view),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    pin_memory=True,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(pipeline=test_view, test_mode=True),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
