"""Distilled CDS, ResNet-18, CIFAR-100, 300 epochs.

    python tools/train.py configs/kd/cds-kd_r18_cifar100.py

Contrast and projections x 0.1, logits x 1, temperature 3 (released code);
teacher: ResNet-50 that CDS trained. For 1 GPU with 128 images. Top-1 not
published for this pair; not measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/cds-kd.py',
    '../_base_/teachers/cds_r50_cifar100.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, teacher=_base_.teacher)
train_dataloader = dict(dataset=dict(pipeline=_base_.two_views))
data_preprocessor = _base_.two_views_on_device
