"""DKS, ResNeXt-50, CIFAR-100, 300 epochs.

    python tools/train.py configs/cifar100/dks_rxt50_cifar100.py

For 1 GPU with 128 images. Top-1 82.27 % published (Table 1); not measured
here.
"""

_base_ = [
    '../_base_/models/rxt50_cifar.py',
    '../_base_/methods/dks.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
