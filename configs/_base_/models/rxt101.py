"""ResNeXt-101 32x4d; the paper does not give its groups and width."""

_base_ = './rxt50.py'

model = dict(backbone=dict(depth=101))
