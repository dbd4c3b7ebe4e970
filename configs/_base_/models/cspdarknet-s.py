"""CSPDarknet-S, the backbone of YOLOX-s, on the images that YOLOX shows it."""

_base_ = './r18.py'

# BGR from 0 to 255: `to_rgb` reverses the channels, which are loaded as RGB.
network_input = dict(mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0], to_rgb=True)
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.CSPDarknet',
        deepen_factor=0.33,
        widen_factor=0.5,
        out_indices=(1, 2, 3, 4),
    ),
    head=dict(in_channels=512),
)
