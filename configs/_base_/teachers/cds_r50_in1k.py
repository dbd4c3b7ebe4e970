"""ResNet-50, CDS with its branches, ImageNet.

Train configs/cds_r50_in1k.py first.  Its BatchNorm takes the
statistics of the batch, as in the released code of distilled CDS, and not its
own (``model.teacher.batchnorm=eval``).
"""

teacher = dict(
    type='Teacher',
    config='configs/cds_r50_in1k.py',
    checkpoint='work_dirs/cds_r50_in1k/epoch_90.pth',
    batchnorm='train',
)
