"""Cross entropy, ResNet-18, CIFAR-10, with crop and flip alone.

    python tools/train.py configs/cifar10/baseline_r18_cifar10_crop-flip.py

For 1 GPU with 128 images. Top-1 not published; not measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/cifar10.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, head=dict(num_classes=10))
train_dataloader = dict(dataset=dict(pipeline=_base_.one_view_plain))
data_preprocessor = _base_.one_view_plain_on_device
