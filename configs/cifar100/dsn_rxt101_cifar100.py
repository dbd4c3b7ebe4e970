"""DSN, ResNeXt-101, CIFAR-100, 300 epochs.

    python tools/train.py configs/cifar100/dsn_rxt101_cifar100.py

32x4d is our choice, the table does not say. For 1 GPU with 128 images. Top-1
81.70 % published (Table 1); not measured here.
"""

_base_ = [
    '../_base_/models/rxt101_cifar.py',
    '../_base_/methods/dsn.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
