"""ResNet-101."""

_base_ = './r50.py'

model = dict(backbone=dict(depth=101))
