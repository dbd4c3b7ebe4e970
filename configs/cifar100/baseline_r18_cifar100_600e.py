"""Cross entropy, ResNet-18, CIFAR-100, 600 epochs.

    python tools/train.py configs/cifar100/baseline_r18_cifar100_600e.py

The twin of CDS with equal views. For 1 GPU with 128 images. Top-1 not
published; not measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_600e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
