# CIFAR-10 as image files: data/cifar10/{train,test}/<class>/*.jpg.
_base_ = ['views_cifar.py']

# A folder may have files of any size: the loader crops them.
_grey, _black = _base_.crop_with_grey_border, _base_.crop_with_black_border
one_view = [_base_.load, _grey, _base_.pack]
one_view_on_device = dict(views=[[_base_.flip, _base_.cutout]])
two_views = [
    _base_.load,
    dict(type='SeededMultiView', transforms=[[_grey], [_black]]),
    _base_.pack,
]
two_views_on_device = dict(
    views=[[_base_.flip, _base_.cutout], [_base_.flip, *_base_.colours]]
)
four_rotations = [
    _base_.load,
    _base_.flip,
    dict(
        type='SeededMultiView',
        transforms=[[turn, _grey] for turn in _base_.quarter_turns],
    ),
    _base_.pack,
]
four_rotations_on_device = dict(views=[[_base_.cutout]] * 4)

data_preprocessor = one_view_on_device
train_dataloader = dict(
    dataset=dict(
        type='ClassFolder',
        data_root='data/cifar10',
        split='train',
        pipeline=one_view,
    )
)
val_dataloader = dict(
    dataset=dict(type='ClassFolder', data_root='data/cifar10', split='test')
)
test_dataloader = val_dataloader
