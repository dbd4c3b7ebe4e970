"""CDS, ResNet-18, CIFAR-10, 20 % of the labels, 300 epochs.

    python tools/train.py configs/semi/cds-semi_r18_cifar10_20pct.py

The others are unlabelled images of the same batches. For 1 GPU with 128
images. Top-1 85.5 % published (figure, read off to 0.4; network unstated); not
measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/cds-semi.py',
    '../_base_/datasets/cifar10.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, head=dict(num_classes=10))
train_dataloader = dict(
    dataset=dict(
        type='LabelFraction',
        of='CIFAR10',
        ratio=0.2,
        pipeline=_base_.two_views,
    )
)
data_preprocessor = _base_.two_views_on_device
