"""CSPNeXt-S, the backbone of RTMDet-s, on the images that RTMDet shows it."""

_base_ = './r18.py'

# BGR: `to_rgb` reverses the channels, and they are loaded as RGB.
network_input = dict(
    mean=[103.53, 116.28, 123.675], std=[57.375, 57.12, 58.395], to_rgb=True
)
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.CSPNeXt',
        arch='P5',
        expand_ratio=0.5,
        deepen_factor=0.33,
        widen_factor=0.5,
        channel_attention=True,
        out_indices=(1, 2, 3, 4),
        # RTMDet has it as SyncBN.  The default has another epsilon.
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='SiLU', inplace=True),
    ),
    head=dict(in_channels=512),
)
