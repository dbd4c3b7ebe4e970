"""Cross entropy, ResNet-18, CIFAR-100, 30 % of the labels, 300 epochs.

    python tools/train.py configs/semi/baseline_r18_cifar100_30pct.py

For 1 GPU with 128 images.  Top-1 48.6 % published (figure, read off);
not measured here.
"""

_base_ = './baseline_r18_cifar100_10pct.py'

train_dataloader = dict(dataset=dict(ratio=0.3))
