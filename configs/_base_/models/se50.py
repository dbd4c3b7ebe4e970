"""SE-ResNet-50."""

_base_ = './r50.py'

model = dict(backbone=dict(type='SEResNet'))
