"""ResNet-50, CDS with its branches, CIFAR-100.

Train configs/cifar100/cds_r50_cifar100.py first.  Its BatchNorm takes the
statistics of the batch, as in the released code of distilled CDS, and not its
own (``model.teacher.batchnorm=eval``).
"""

teacher = dict(
    type='Teacher',
    config='configs/cifar100/cds_r50_cifar100.py',
    checkpoint='work_dirs/cds_r50_cifar100/epoch_300.pth',
    batchnorm='train',
)
