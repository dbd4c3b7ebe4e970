"""ResNeXt-50 32x4d with the CIFAR stem: 3x3, stride 1, no max-pool."""

_base_ = './rxt50.py'

model = dict(backbone=dict(type='ResNeXt_CIFAR'), head=dict(num_classes=100))
