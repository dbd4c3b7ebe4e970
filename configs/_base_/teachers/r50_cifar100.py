"""ResNet-50, cross entropy, CIFAR-100.

Train configs/cifar100/baseline_r50_cifar100.py first.
"""

teacher = dict(
    type='Teacher',
    config='configs/cifar100/baseline_r50_cifar100.py',
    checkpoint='work_dirs/baseline_r50_cifar100/epoch_300.pth',
)
