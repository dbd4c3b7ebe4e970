"""CIFAR-100 for SupCon: two views of one recipe; nothing to validate."""

_base_ = './cifar100_supcontrast.py'

_view = [_base_.resized_crop, _base_.flip, *_base_.colours]
two_views = [
    _base_.load,
    dict(type='SeededMultiView', transforms=[_view, _view]),
    _base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=two_views))
val_dataloader = val_evaluator = None
test_dataloader = test_evaluator = None
