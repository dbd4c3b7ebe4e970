"""ResNet-18 that learned the rotations, CIFAR-10 as image files.

Train configs/kd/sskd-teacher_r18_cifar10_folder_60e.py first.
"""

teacher = dict(
    type='Teacher',
    config='configs/kd/sskd-teacher_r18_cifar10_folder_60e.py',
    checkpoint='work_dirs/sskd-teacher_r18_cifar10_folder_60e/epoch_60.pth',
)
