r"""Cross entropy, ResNet-50, FGVC-Aircraft, from DHM on ImageNet.

    python tools/train.py \
        configs/finegrained/baseline_r50_aircraft_dhm-pretrained.py

The other reading of Table 6 (89.57 %): the method in pretraining only.  For 1
GPU with 64 images.  Not measured here.
"""

_base_ = './baseline_r50_aircraft.py'

model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/dhm_r50_in1k/backbone.pth')
    )
)
