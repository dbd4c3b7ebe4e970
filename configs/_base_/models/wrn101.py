"""Wide ResNet-101-2."""

_base_ = './wrn50.py'

model = dict(backbone=dict(depth=101))
