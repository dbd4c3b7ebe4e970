# The views of the released CDS code for ImageNet, for larger images at large.
# Resizing with antialiasing, as in that code.
_base_ = ['views.py']

# v0, for cross entropy; v1, for contrast alone, with milder crops and colours.
crop = dict(
    type='AntialiasedResizedCrop',
    scale=224,
    crop_ratio_range=(0.08, 1.0),
    backend='torch',
)
mild_crop = dict(crop, crop_ratio_range=(0.2, 1.0))
# Large files are decoded smaller, but not so that the smallest crop, 8 % of
# an image at 3:4, would have to be enlarged.
load_for_crops = dict(_base_.load, keep_pixels=round(224**2 / (0.08 * 3 / 4)))

one_view = [load_for_crops, crop, _base_.pack]
one_view_on_device = dict(views=[[_base_.flip]])
two_views = [
    load_for_crops,
    dict(type='SeededMultiView', transforms=[[crop], [mild_crop]]),
    _base_.pack,
]
two_views_on_device = dict(
    views=[[_base_.flip], [_base_.flip, *_base_.colours]]
)
# SSKD: turned first, then each turn with a crop and a flip of its own
# (torchdistill).
four_rotations = [
    load_for_crops,
    dict(
        type='SeededMultiView',
        transforms=[[turn, crop] for turn in _base_.quarter_turns],
    ),
    _base_.pack,
]
four_rotations_on_device = dict(views=[[_base_.flip]] * 4)

# The long recipes of Table 8, which does not say on which view AutoAugment is.
# It works on single images, and so does what is before it.
_autoaug = dict(type='RGBAutoAugment', policy='imagenet')
_classification_view = [crop, _base_.flip, _autoaug]
one_view_autoaug = [load_for_crops, *_classification_view, _base_.pack]
one_view_autoaug_on_device = _base_.nothing_on_device
two_views_autoaug = [
    load_for_crops,
    dict(
        type='SeededMultiView',
        transforms=[_classification_view, [mild_crop]],
    ),
    _base_.pack,
]
two_views_autoaug_on_device = dict(views=[[], [_base_.flip, *_base_.colours]])
two_views_autoaug_both = [
    load_for_crops,
    dict(
        type='SeededMultiView',
        transforms=[
            _classification_view,
            [mild_crop, _base_.flip, *_base_.colours, _autoaug],
        ],
    ),
    _base_.pack,
]
two_views_autoaug_both_on_device = _base_.nothing_on_device
test_view = [
    _base_.load,
    dict(type='ResizeEdge', scale=256, edge='short', backend='pillow'),
    dict(type='CenterCrop', crop_size=224),
    _base_.test_pack,
]

data_preprocessor = one_view_on_device
# For one GPU of eight: 256 in all.
train_dataloader = dict(
    batch_size=32, num_workers=8, dataset=dict(pipeline=one_view)
)
val_dataloader = dict(
    batch_size=64, num_workers=8, dataset=dict(pipeline=test_view)
)
test_dataloader = val_dataloader
