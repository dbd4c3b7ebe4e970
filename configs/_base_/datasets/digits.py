"""The demo's single digits, 64 x 64: data/digits/single/{train,val}/<digit>/.

`tools/demo.py` writes them from scikit-learn's bundled scans.
"""

_base_ = ['views.py']

# No flips: a mirrored digit is none.
_crop = dict(
    type='AntialiasedResizedCrop',
    scale=64,
    crop_ratio_range=(0.4, 1.0),
    backend='torch',
)
# As far as the smallest crop, 40 % at 3:4, is not enlarged.
_load = dict(_base_.load, keep_pixels=round(64**2 / (0.4 * 3 / 4)))
one_view = [_load, _crop, _base_.pack]
one_view_on_device = _base_.nothing_on_device
two_views = [
    _load,
    dict(type='SeededMultiView', transforms=[[_crop], [_crop]]),
    _base_.pack,
]
two_views_on_device = dict(views=[[], _base_.colours])
data_preprocessor = one_view_on_device
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
        pipeline=[_base_.load, _base_.test_pack],
    ),
)
test_dataloader = val_dataloader
