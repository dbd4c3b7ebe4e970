"""CIFAR-100 for SupCon: two views of one recipe; nothing to validate."""

_base_ = './cifar100_supcontrast.py'

two_views = [
    _base_.load_for_crops,
    dict(type='SeededMultiView', transforms=[[_base_.resized_crop]] * 2),
    _base_.pack,
]
two_views_on_device = dict(views=[[_base_.flip, *_base_.colours]] * 2)
data_preprocessor = two_views_on_device
train_dataloader = dict(dataset=dict(pipeline=two_views))
val_dataloader = val_evaluator = None
test_dataloader = test_evaluator = None
