"""CIFAR-10 image files with the CIFAR views, then enlarged to 64 x 64.

For networks with the standard stem, which a detector can use and which
leaves nothing of 32 pixels.
"""

_base_ = './cifar10_folder.py'

_enlarge = dict(type='Resize', scale=(64, 64), backend='pillow')
_first, _second = (
    [*view, _enlarge]
    for view in (_base_.classification_view, _base_.contrastive_view)
)
# It comes last and works on single images: nothing is left for the device.
one_view = [_base_.load, *_first, _base_.pack]
two_views = [
    _base_.load,
    dict(type='SeededMultiView', transforms=[_first, _second]),
    _base_.pack,
]
one_view_on_device = two_views_on_device = _base_.nothing_on_device
test_view = [_base_.load, _enlarge, _base_.test_pack]
data_preprocessor = one_view_on_device
train_dataloader = dict(
    batch_size=64, num_workers=0, dataset=dict(pipeline=one_view)
)
val_dataloader = dict(num_workers=0, dataset=dict(pipeline=test_view))
test_dataloader = val_dataloader
