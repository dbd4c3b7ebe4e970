"""Cross entropy, ResNet-18, CIFAR-10, 40 % of the labels, 300 epochs.

    python tools/train.py configs/semi/baseline_r18_cifar10_40pct.py

For 1 GPU with 128 images.  Top-1 87.7 % published (figure, read off);
not measured here.
"""

_base_ = './baseline_r18_cifar10_10pct.py'

train_dataloader = dict(dataset=dict(ratio=0.4))
