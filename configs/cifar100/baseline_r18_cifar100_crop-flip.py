"""Cross entropy, ResNet-18, CIFAR-100, with crop and flip alone.

    python tools/train.py configs/cifar100/baseline_r18_cifar100_crop-flip.py

For 1 GPU with 128 images. Top-1 not published apart: the table does not say
which augmentation its baseline has; not measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(dataset=dict(pipeline=_base_.one_view_plain))
data_preprocessor = _base_.one_view_plain_on_device
