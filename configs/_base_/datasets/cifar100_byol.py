"""CIFAR-100 for BYOL: its views without the blur; nothing to validate."""

_base_ = './cifar100.py'

_common = [
    _base_.resized_crop,
    _base_.flip,
    *_base_.byol_colours,
]
two_views = [
    _base_.load_for_crops,
    dict(
        type='SeededMultiView',
        transforms=[
            _common,
            [*_common, dict(type='Solarize', thr=128, prob=0.2)],
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
