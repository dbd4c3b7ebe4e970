"""DSN, ResNet-18, CIFAR-100, towers of CDS, 300 epochs.

    python tools/train.py configs/cifar100/dsn_r18_cifar100_sepconv.py

The controlled twin of CDS. For 1 GPU with 128 images. Top-1 not published; not
measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/dsn_sepconv.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
