"""DSN, ResNet-18, CIFAR-10, 300 epochs.

    python tools/train.py configs/cifar10/dsn_r18_cifar10.py

For 1 GPU with 128 images. Top-1 not published; not measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/dsn.py',
    '../_base_/datasets/cifar10.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, head=dict(num_classes=10))
