"""Distilled CDS, ResNet-18, CIFAR-10 files, 300 epochs.

    python tools/train.py configs/kd/cds-kd_r18_cifar10_folder.py

Contrast and projections x 0.1, logits x 1, temperature 3 (released code);
teacher: ResNet-18 that CDS trained. For 1 GPU with 128 images. Top-1 not
published; not measured at this scale; a smaller scale is in docs/results.md.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/cds-kd.py',
    '../_base_/teachers/cds_r18_cifar10_folder.py',
    '../_base_/datasets/cifar10_folder.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    **_base_.method, head=dict(num_classes=10), teacher=_base_.teacher
)
train_dataloader = dict(dataset=dict(pipeline=_base_.two_views))
data_preprocessor = _base_.two_views_on_device
