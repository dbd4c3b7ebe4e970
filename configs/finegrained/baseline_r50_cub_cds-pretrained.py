r"""Cross entropy, ResNet-50, CUB-200-2011, from CDS on ImageNet.

    python tools/train.py \
        configs/finegrained/baseline_r50_cub_cds-pretrained.py

The other reading of Table 6 (82.10 %): the method in pretraining only.  For 1
GPU with 64 images.  Not measured here.
"""

_base_ = './baseline_r50_cub.py'

model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/cds_r50_in1k/backbone.pth')
    )
)
