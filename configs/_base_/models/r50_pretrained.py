"""ResNet-50 that starts from cross entropy on ImageNet.

`tools/convert_backbone.py` makes the file from the last checkpoint of
configs/baseline_r50_in1k.py.
"""

_base_ = './r50.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/baseline_r50_in1k/backbone.pth',
        )
    )
)
