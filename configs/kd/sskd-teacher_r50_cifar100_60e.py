"""SSKD, the teacher, ResNet-50, CIFAR-100, 60 epochs.

    python tools/train.py configs/kd/sskd-teacher_r50_cifar100_60e.py

Learns which rotated image is which, on a network that cross entropy trained
and that stays as it is (released code). No best epoch is kept, since it would
be the first. For 1 GPU with 64 images. Top-1 is that network's; not measured
here.
"""

_base_ = [
    '../_base_/models/r50_cifar.py',
    '../_base_/methods/sskd-teacher.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_60e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, frozen=('backbone', 'head'))
train_dataloader = dict(
    batch_size=64, dataset=dict(pipeline=_base_.four_rotations)
)
load_from = 'work_dirs/baseline_r50_cifar100/epoch_300.pth'
default_hooks = dict(checkpoint=dict(save_best=None))
data_preprocessor = _base_.four_rotations_on_device
