"""Wide ResNet-101-2 with the CIFAR stem: 3x3, stride 1, no max-pool."""

_base_ = './wrn101.py'

model = dict(backbone=dict(type='ResNet_CIFAR'), head=dict(num_classes=100))
