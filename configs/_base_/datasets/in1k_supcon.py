"""ImageNet for SupCon: two views of one recipe; nothing to validate.

AutoAugment is on both views, and stands for the colours (our reading).
"""

_base_ = './in1k.py'

_view = [
    dict(
        type='AntialiasedResizedCrop',
        scale=224,
        crop_ratio_range=(0.2, 1.0),
    ),
    _base_.flip,
    dict(type='RGBAutoAugment', policy='imagenet'),
]
two_views = [
    _base_.load,
    dict(type='SeededMultiView', transforms=[_view, _view]),
    _base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=two_views))
val_dataloader = val_evaluator = None
test_dataloader = test_evaluator = None
