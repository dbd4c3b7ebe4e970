"""SSKD, the teacher, ResNet-34, ImageNet, 30 epochs.

    tools/dist_train.sh configs/kd/sskd-teacher_r34_in1k_30e.py 8

Learns which rotated image is which, on a network that cross entropy trained
and that stays as it is (torchdistill). No best epoch is kept, since it would
be the first. For 8 GPUs with 32 images each. Top-1 is that network's; not
measured here.
"""

_base_ = [
    '../_base_/models/r34.py',
    '../_base_/methods/sskd-teacher.py',
    '../_base_/datasets/in1k.py',
    '../_base_/schedules/in1k_30e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, frozen=('backbone', 'head'))
load_from = 'work_dirs/baseline_r34_in1k/epoch_90.pth'
default_hooks = dict(checkpoint=dict(save_best=None))
train_dataloader = dict(dataset=dict(pipeline=_base_.four_rotations))
data_preprocessor = _base_.four_rotations_on_device
