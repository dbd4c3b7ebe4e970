"""ResNet-50 that learned the rotations, CIFAR-100.

Train configs/kd/sskd-teacher_r50_cifar100_60e.py first.
"""

teacher = dict(
    type='Teacher',
    config='configs/kd/sskd-teacher_r50_cifar100_60e.py',
    checkpoint='work_dirs/sskd-teacher_r50_cifar100_60e/epoch_60.pth',
)
