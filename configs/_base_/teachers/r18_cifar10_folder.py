"""ResNet-18, cross entropy, CIFAR-10 as image files.

Train configs/cifar10/baseline_r18_cifar10_folder.py first.
"""

teacher = dict(
    type='Teacher',
    config='configs/cifar10/baseline_r18_cifar10_folder.py',
    checkpoint='work_dirs/baseline_r18_cifar10_folder/epoch_300.pth',
)
