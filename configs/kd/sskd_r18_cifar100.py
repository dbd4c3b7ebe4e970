"""SSKD, ResNet-18, CIFAR-100, 300 epochs.

    python tools/train.py configs/kd/sskd_r18_cifar100.py

Weights 0.1, 0.9, 2.7 and 10, temperatures 4 and 0.5 (SSKD's code, which has
240 epochs of 64 images at 0.05; here the schedule of the others); teacher:
ResNet-50 that learned the rotations. For 1 GPU with 128 images. Top-1 not
published for this pair; not measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/sskd.py',
    '../_base_/teachers/sskd_r50_cifar100.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, teacher=_base_.teacher)
train_dataloader = dict(dataset=dict(pipeline=_base_.four_rotations))
data_preprocessor = _base_.four_rotations_on_device
