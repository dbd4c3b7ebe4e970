r"""Cross entropy, ResNet-50, Stanford Dogs, from DHM on ImageNet.

    python tools/train.py \
        configs/finegrained/baseline_r50_dogs_dhm-pretrained.py

The other reading of Table 6 (78.20 %): the method in pretraining only. For 1
GPU with 64 images. Not measured here.
"""

_base_ = [
    '../_base_/models/r50_pretrained.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/dogs.py',
    '../_base_/schedules/finetune_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    **_base_.method,
    head=dict(num_classes=120),
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/dhm_r50_in1k/backbone.pth')
    ),
)
