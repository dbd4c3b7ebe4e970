# The views of the released CDS code for ImageNet, for larger images at large.
# Pillow resizes with antialiasing, as in that code.
_base_ = ['views.py']

# v0, for cross entropy; v1, for contrast alone, with milder crops and colours.
classification_view = [
    dict(
        type='AntialiasedResizedCrop',
        scale=224,
        crop_ratio_range=(0.08, 1.0),
    ),
    _base_.flip,
]
contrastive_view = [
    dict(
        type='AntialiasedResizedCrop',
        scale=224,
        crop_ratio_range=(0.2, 1.0),
    ),
    _base_.flip,
    *_base_.colours,
]

one_view = [_base_.load, *classification_view, _base_.pack]
two_views = [
    _base_.load,
    dict(
        type='SeededMultiView',
        transforms=[classification_view, contrastive_view],
    ),
    _base_.pack,
]
# SSKD: turned first, then each turn with a crop and a flip of its own
# (torchdistill).
four_rotations = [
    _base_.load,
    dict(
        type='SeededMultiView',
        transforms=[
            [turn, *classification_view] for turn in _base_.quarter_turns
        ],
    ),
    _base_.pack,
]

# The long recipes of Table 8, which does not say on which view AutoAugment is.
_autoaug = dict(type='RGBAutoAugment', policy='imagenet')
one_view_autoaug = [_base_.load, *classification_view, _autoaug, _base_.pack]
two_views_autoaug = [
    _base_.load,
    dict(
        type='SeededMultiView',
        transforms=[[*classification_view, _autoaug], contrastive_view],
    ),
    _base_.pack,
]
two_views_autoaug_both = [
    _base_.load,
    dict(
        type='SeededMultiView',
        transforms=[
            [*classification_view, _autoaug],
            [*contrastive_view, _autoaug],
        ],
    ),
    _base_.pack,
]
test_view = [
    _base_.load,
    dict(type='ResizeEdge', scale=256, edge='short', backend='pillow'),
    dict(type='CenterCrop', crop_size=224),
    _base_.pack,
]

# For one GPU of eight: 256 in all.
train_dataloader = dict(
    batch_size=32, num_workers=8, dataset=dict(pipeline=one_view)
)
val_dataloader = dict(
    batch_size=64, num_workers=8, dataset=dict(pipeline=test_view)
)
test_dataloader = val_dataloader
