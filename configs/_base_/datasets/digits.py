"""The demo's single digits, 64 x 64: data/digits/single/{train,val}/<digit>/.

`tools/demo.py` writes them from scikit-learn's bundled scans.
"""

_base_ = ['views.py']

# No flips: a mirrored digit is none.
_crop = dict(
    type='AntialiasedResizedCrop', scale=64, crop_ratio_range=(0.4, 1.0)
)
one_view = [_base_.load, _crop, _base_.pack]
two_views = [
    _base_.load,
    dict(
        type='SeededMultiView',
        transforms=[[_crop], [_crop, *_base_.colours]],
    ),
    _base_.pack,
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
    batch_size=64,
    num_workers=0,
    dataset=dict(
        type='ClassFolder',
        data_root='data/digits/single',
        split='val',
        pipeline=[_base_.load, _base_.pack],
    ),
)
test_dataloader = val_dataloader
