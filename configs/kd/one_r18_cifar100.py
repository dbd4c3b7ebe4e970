"""ONE, ResNet-18, CIFAR-100, 300 epochs.

    python tools/train.py configs/kd/one_r18_cifar100.py

For 1 GPU with 128 images. Top-1 not published; not measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/one.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
