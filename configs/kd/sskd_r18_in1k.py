"""SSKD, ResNet-18, ImageNet, 90 epochs.

    tools/dist_train.sh configs/kd/sskd_r18_in1k.py 8

Cross entropy x 1, weight decay 5e-4 and views are torchdistill's, the other
weights SSKD's; teacher: ResNet-34 that learned the rotations. For 8 GPUs with
32 images each. Top-1 71.62 % published (Table 7, quoted there from the SSKD
paper; another baseline); not measured here.
"""

_base_ = [
    '../_base_/models/r18.py',
    '../_base_/methods/sskd_in1k.py',
    '../_base_/teachers/sskd_r34_in1k.py',
    '../_base_/datasets/in1k.py',
    '../_base_/schedules/in1k_90e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, teacher=_base_.teacher)
optim_wrapper = dict(optimizer=dict(weight_decay=0.0005))
train_dataloader = dict(dataset=dict(pipeline=_base_.four_rotations))
data_preprocessor = _base_.four_rotations_on_device
