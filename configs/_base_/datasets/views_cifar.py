# The views of the released CDS code for CIFAR. As all images are of one size,
# even crops can wait for the device.
_base_ = ['views.py']

crop_with_grey_border = dict(
    type='PaddedCrop', crop_size=32, padding=4, fill=(128, 128, 128)
)
crop_with_black_border = dict(type='PaddedCrop', crop_size=32, padding=4)
cutout = dict(type='ClippedCutout', size=16)

# v0, for cross entropy, with Cutout; v1, for contrast alone, with colours.
one_view = two_views = [_base_.load, _base_.pack]
classification_view = [crop_with_grey_border, _base_.flip, cutout]
contrastive_view = [crop_with_black_border, _base_.flip, *_base_.colours]
one_view_on_device = dict(views=[classification_view])
two_views_on_device = dict(views=[classification_view, contrastive_view])
# The baseline whose augmentation has no Cutout.
one_view_plain = [
    _base_.load,
    crop_with_grey_border,
    _base_.flip,
    _base_.pack,
]
one_view_plain_on_device = _base_.nothing_on_device
# SupCon and BYOL crop and resize (SupContrast's code); so does what follows.
# Large files are decoded smaller, but not so that the smallest crop, 20 % of
# an image at 3:4, would have to be enlarged.
load_for_crops = dict(_base_.load, keep_pixels=round(32**2 / (0.2 * 3 / 4)))
resized_crop = dict(
    type='AntialiasedResizedCrop',
    scale=32,
    crop_ratio_range=(0.2, 1.0),
    backend='torch',
)
one_view_resized = [load_for_crops, resized_crop, _base_.pack]
one_view_resized_on_device = dict(views=[[_base_.flip]])
# SSKD: flipped once, then turned, each turn with a crop of its own.  Cutout,
# which SSKD's code has not, is on all four, as it is on the one view of the
# methods that it is compared with.
four_rotations = [
    _base_.load,
    _base_.flip,
    dict(
        type='SeededMultiView',
        transforms=[[turn] for turn in _base_.quarter_turns],
    ),
    _base_.pack,
]
four_rotations_on_device = dict(views=[[crop_with_grey_border, cutout]] * 4)
test_view = [_base_.load, _base_.test_pack]

# The released code takes the statistics of CIFAR-10 for CIFAR-100 too.
data_preprocessor = dict(
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
    **one_view_on_device,
)
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=one_view))
val_dataloader = dict(batch_size=256, dataset=dict(pipeline=test_view))
test_dataloader = val_dataloader
