"""SE-ResNet-50 with the CIFAR stem: 3x3, stride 1, no max-pool."""

_base_ = './se50.py'

model = dict(backbone=dict(type='SEResNet_CIFAR'), head=dict(num_classes=100))
