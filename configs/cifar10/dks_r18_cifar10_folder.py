"""DKS, ResNet-18, CIFAR-10 files, 300 epochs.

    python tools/train.py configs/cifar10/dks_r18_cifar10_folder.py

For 1 GPU with 128 images. Top-1 not published; not measured at this scale; a
smaller scale is in docs/results.md.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/dks.py',
    '../_base_/datasets/cifar10_folder.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, head=dict(num_classes=10))
