"""MobileNetV2 without its last 1x1 convolution, which few detectors take."""

_base_ = './r18.py'

model = dict(
    backbone=dict(_delete_=True, type='MobileNetV2', out_indices=(1, 2, 4, 6)),
    head=dict(in_channels=320),
)
# The last 1x1 convolution is built all the same, and nothing trains it.
find_unused_parameters = True
