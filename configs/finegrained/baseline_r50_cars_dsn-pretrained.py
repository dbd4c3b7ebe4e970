r"""Cross entropy, ResNet-50, Stanford Cars, from DSN on ImageNet.

    python tools/train.py \
        configs/finegrained/baseline_r50_cars_dsn-pretrained.py

The other reading of Table 6 (91.32 %): the method in pretraining only.  For 1
GPU with 64 images.  Not measured here.
"""

_base_ = './baseline_r50_cars.py'

model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/dsn_r50_in1k/backbone.pth')
    )
)
