# The views of the released CDS code for CIFAR.
_base_ = ['views.py']

crop_with_grey_border = dict(
    type='RandomCrop', crop_size=32, padding=4, pad_val=(128, 128, 128)
)
cutout = dict(type='ClippedCutout', size=16)

# v0, for cross entropy, with Cutout; v1, for contrast alone, with colours.
classification_view = [
    crop_with_grey_border,
    _base_.flip,
    cutout,
]
contrastive_view = [
    dict(type='RandomCrop', crop_size=32, padding=4, pad_val=(0, 0, 0)),
    _base_.flip,
    *_base_.colours,
]

one_view = [_base_.load, *classification_view, _base_.pack]
# The baseline whose augmentation has no Cutout.
one_view_plain = [
    _base_.load,
    crop_with_grey_border,
    _base_.flip,
    _base_.pack,
]
# SupCon and BYOL crop and resize (SupContrast's code); so does what follows.
resized_crop = dict(
    type='AntialiasedResizedCrop', scale=32, crop_ratio_range=(0.2, 1.0)
)
one_view_resized = [_base_.load, resized_crop, _base_.flip, _base_.pack]
two_views = [
    _base_.load,
    dict(
        type='SeededMultiView',
        transforms=[classification_view, contrastive_view],
    ),
    _base_.pack,
]
# SSKD: flipped once, then turned, each turn with a crop of its own.  Cutout,
# which SSKD's code has not, is on all four, as it is on the one view of the
# methods that it is compared with.
four_rotations = [
    _base_.load,
    _base_.flip,
    dict(
        type='SeededMultiView',
        first_seed=1,
        transforms=[
            [turn, crop_with_grey_border, cutout]
            for turn in _base_.quarter_turns
        ],
    ),
    _base_.pack,
]
test_view = [_base_.load, _base_.pack]

# The released code takes the statistics of CIFAR-10 for CIFAR-100 too.
data_preprocessor = dict(
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
)
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=one_view))
val_dataloader = dict(batch_size=256, dataset=dict(pipeline=test_view))
test_dataloader = val_dataloader
