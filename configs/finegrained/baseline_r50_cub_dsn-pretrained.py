r"""Cross entropy, ResNet-50, CUB-200-2011, from DSN on ImageNet.

    python tools/train.py \
        configs/finegrained/baseline_r50_cub_dsn-pretrained.py

The other reading of Table 6 (80.14 %): the method in pretraining only.  For 1
GPU with 64 images.  Not measured here.
"""

_base_ = './baseline_r50_cub.py'

model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/dsn_r50_in1k/backbone.pth')
    )
)
