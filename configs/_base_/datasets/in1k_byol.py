"""ImageNet for BYOL: its two views; nothing to validate."""

_base_ = './in1k.py'

_common = [
    dict(_base_.crop, interpolation='bicubic'),
    _base_.flip,
    *_base_.byol_colours,
]
# Whatever the order of the channels, these do the same.
_blur = dict(
    type='GaussianBlur', magnitude_range=(0.1, 2.0), magnitude_std='inf'
)
two_views = [
    _base_.load_for_crops,
    dict(
        type='SeededMultiView',
        transforms=[
            [*_common, dict(_blur, prob=1.0)],
            [
                *_common,
                dict(_blur, prob=0.1),
                dict(type='Solarize', thr=128, prob=0.2),
            ],
        ],
    ),
    _base_.pack,
]
# Views go through the network one after the other, by a preprocessor of the
# host that does nothing to them.
two_views_on_device = dict(_delete_=True)
data_preprocessor = dict(
    _delete_=True,
    type='SelfSupDataPreprocessor',
    mean=_base_.data_preprocessor.mean,
    std=_base_.data_preprocessor.std,
    to_rgb=False,
)
train_dataloader = dict(dataset=dict(pipeline=two_views))
val_dataloader = val_evaluator = None
test_dataloader = test_evaluator = None
