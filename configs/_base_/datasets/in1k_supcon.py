"""ImageNet for SupCon: two views of one recipe; nothing to validate.

AutoAugment is on both views, and stands for the colours (our reading).
"""

_base_ = './in1k.py'

_view = [
    _base_.mild_crop,
    _base_.flip,
    dict(type='RGBAutoAugment', policy='imagenet'),
]
two_views = [
    # The smallest crop is 20 % of an image, at 3:4.
    dict(_base_.load, keep_pixels=round(224**2 / (0.2 * 3 / 4))),
    dict(type='SeededMultiView', transforms=[_view, _view]),
    _base_.pack,
]
data_preprocessor = two_views_on_device = _base_.nothing_on_device
train_dataloader = dict(dataset=dict(pipeline=two_views))
val_dataloader = val_evaluator = None
test_dataloader = test_evaluator = None
