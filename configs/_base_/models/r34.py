"""ResNet-34."""

_base_ = './r18.py'

model = dict(backbone=dict(depth=34))
