"""SP, ResNet-18, CIFAR-100, 300 epochs.

    python tools/train.py configs/kd/sp_r18_cifar100.py

Similarities x 3000 on the last stage (RepDistiller); teacher: ResNet-50 that
cross entropy trained. For 1 GPU with 128 images. Top-1 not published for this
pair; not measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/sp.py',
    '../_base_/teachers/r50_cifar100.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, teacher=_base_.teacher)
