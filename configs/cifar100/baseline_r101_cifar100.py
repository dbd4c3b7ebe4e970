"""Cross entropy, ResNet-101, CIFAR-100, 300 epochs.

    python tools/train.py configs/cifar100/baseline_r101_cifar100.py

The twin of CDS with equal epochs; its one view is the first view of CDS, with
Cutout. For 1 GPU with 128 images. Top-1 78.65 % published (Table 1,
augmentation unstated); not measured here.
"""

_base_ = [
    '../_base_/models/r101_cifar.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
