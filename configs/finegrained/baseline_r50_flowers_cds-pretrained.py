r"""Cross entropy, ResNet-50, Flowers-102, from CDS on ImageNet.

    python tools/train.py \
        configs/finegrained/baseline_r50_flowers_cds-pretrained.py

The other reading of Table 6 (99.39 %): the method in pretraining only. For 1
GPU with 64 images. Not measured here.
"""

_base_ = [
    '../_base_/models/r50_pretrained.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/flowers.py',
    '../_base_/schedules/finetune_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    **_base_.method,
    head=dict(num_classes=102),
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/cds_r50_in1k/backbone.pth')
    ),
)
