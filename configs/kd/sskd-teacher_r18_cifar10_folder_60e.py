"""SSKD, the teacher, ResNet-18, CIFAR-10 files, 60 epochs.

    python tools/train.py configs/kd/sskd-teacher_r18_cifar10_folder_60e.py

Learns which rotated image is which, on a network that cross entropy trained
and that stays as it is (released code). No best epoch is kept, since it would
be the first. For 1 GPU with 64 images. Top-1 is that network's; not measured
at this scale; a smaller scale is in docs/results.md.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/sskd-teacher.py',
    '../_base_/datasets/cifar10_folder.py',
    '../_base_/schedules/cifar_60e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    **_base_.method, head=dict(num_classes=10), frozen=('backbone', 'head')
)
train_dataloader = dict(
    batch_size=64, dataset=dict(pipeline=_base_.four_rotations)
)
load_from = 'work_dirs/baseline_r18_cifar10_folder/epoch_300.pth'
default_hooks = dict(checkpoint=dict(save_best=None))
data_preprocessor = _base_.four_rotations_on_device
