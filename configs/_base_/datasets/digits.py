"""The demo's single digits, 64 x 64: data/digits/single/{train,val}/<digit>/.

`tools/demo.py` writes them from scikit-learn's bundled scans.
"""

_base_ = ['views_in1k.py']

load = dict(type='LoadRGBImage')
pack = dict(type='PackInputs')
# No flips: a mirrored digit is none.
classification_view = [
    dict(type='RandomResizedCrop', scale=64, crop_ratio_range=(0.4, 1.0))
]
contrastive_view = [
    dict(type='RandomResizedCrop', scale=64, crop_ratio_range=(0.4, 1.0)),
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
one_view = [load, *classification_view, pack]
two_views = [
    load,
    dict(
        type='SeededMultiView',
        transforms=[classification_view, contrastive_view],
    ),
    pack,
]
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    dataset=dict(
        type='ClassFolder',
        data_root='data/digits/single',
        split='train',
        pipeline=one_view,
    ),
)
val_dataloader = dict(
    num_workers=0,
    dataset=dict(
        type='ClassFolder',
        data_root='data/digits/single',
        split='val',
        pipeline=[load, pack],
    ),
)
test_dataloader = val_dataloader
