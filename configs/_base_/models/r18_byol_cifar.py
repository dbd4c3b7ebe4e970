"""BYOL on ResNet-18 with the CIFAR stem: 3x3, stride 1, no max-pool."""

_base_ = './r18_byol.py'

model = dict(backbone=dict(type='ResNet_CIFAR'))
