"""ResNet-101, cross entropy, ImageNet.

Train configs/baseline_r101_in1k.py first.
"""

teacher = dict(
    type='Teacher',
    config='configs/baseline_r101_in1k.py',
    checkpoint='work_dirs/baseline_r101_in1k/epoch_90.pth',
)
