"""ResNet-50, CDS with its branches, ImageNet.

Train configs/cds_r50_in1k.py first.
"""

teacher = dict(
    type='Teacher',
    config='configs/cds_r50_in1k.py',
    checkpoint='work_dirs/cds_r50_in1k/epoch_90.pth',
)
