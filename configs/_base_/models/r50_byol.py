"""BYOL on ResNet-50."""

_base_ = './r18_byol.py'

model = dict(backbone=dict(depth=50), neck=dict(in_channels=2048))
