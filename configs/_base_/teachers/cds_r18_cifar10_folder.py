"""ResNet-18, CDS with its branches, CIFAR-10 as image files.

Train configs/cifar10/cds_r18_cifar10_folder.py first.  Its BatchNorm takes the
statistics of the batch, as in the released code of distilled CDS, and not its
own (``model.teacher.batchnorm=eval``).
"""

teacher = dict(
    type='Teacher',
    config='configs/cifar10/cds_r18_cifar10_folder.py',
    checkpoint='work_dirs/cds_r18_cifar10_folder/epoch_300.pth',
    batchnorm='train',
)
