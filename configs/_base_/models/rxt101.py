"""ResNeXt-101 32x4d; Table 1 does not give its groups and width."""

_base_ = './rxt50.py'

model = dict(backbone=dict(depth=101))
