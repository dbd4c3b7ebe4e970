"""ResNet-34 that learned the rotations, ImageNet.

Train configs/kd/sskd-teacher_r34_in1k_30e.py first.
"""

teacher = dict(
    type='Teacher',
    config='configs/kd/sskd-teacher_r34_in1k_30e.py',
    checkpoint='work_dirs/sskd-teacher_r34_in1k_30e/epoch_30.pth',
)
