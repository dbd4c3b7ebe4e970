"""ResNeXt-50 32x4d; MMDetection calls width_per_group base_width."""

_base_ = './r50.py'

model = dict(backbone=dict(type='ResNeXt', groups=32, width_per_group=4))
