"""Cross entropy, ResNet-18, CIFAR-10, with crop and flip alone.

    python tools/train.py configs/cifar10/baseline_r18_cifar10_crop-flip.py

For 1 GPU with 128 images.  Top-1 not published; not measured at this scale.
"""

_base_ = './baseline_r18_cifar10.py'

train_dataloader = dict(dataset=dict(pipeline=_base_.one_view_plain))
data_preprocessor = _base_.one_view_plain_on_device
