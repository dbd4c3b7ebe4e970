"""Pre-activation ResNet-18 with the CIFAR stem: 3x3, stride 1, no max-pool."""

_base_ = './preact18.py'

model = dict(
    backbone=dict(type='PreActResNet_CIFAR'), head=dict(num_classes=100)
)
