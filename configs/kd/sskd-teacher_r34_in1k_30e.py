"""SSKD, the teacher: ResNet-34, ImageNet, 30 epochs.

    tools/dist_train.sh configs/kd/sskd-teacher_r34_in1k_30e.py 8

Learns which rotated image is which, on a network that cross entropy trained
and that stays as it is (torchdistill).  For 8 GPUs with 32 images each.  Top-1
is that network's; the share of images found is not measured here.
"""

_base_ = [
    '../_base_/models/r34.py',
    '../_base_/methods/sskd-teacher.py',
    '../_base_/datasets/in1k.py',
    '../_base_/schedules/in1k_30e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, frozen=('backbone', 'head'))
train_dataloader = dict(dataset=dict(pipeline=_base_.four_rotations))
data_preprocessor = _base_.four_rotations_on_device
load_from = 'work_dirs/baseline_r34_in1k/epoch_90.pth'
# Top-1 stays as it is: the best epoch would be the first.
default_hooks = dict(checkpoint=dict(save_best=None))
