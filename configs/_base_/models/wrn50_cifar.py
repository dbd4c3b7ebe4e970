"""Wide ResNet-50-2 with the CIFAR stem: 3x3, stride 1, no max-pool."""

_base_ = './wrn50.py'

model = dict(backbone=dict(type='ResNet_CIFAR'), head=dict(num_classes=100))
