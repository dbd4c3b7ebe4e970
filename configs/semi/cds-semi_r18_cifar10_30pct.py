"""CDS, ResNet-18, CIFAR-10, 30 % of the labels, 300 epochs.

    python tools/train.py configs/semi/cds-semi_r18_cifar10_30pct.py

For 1 GPU with 128 images.  Top-1 88.6 % published (figure, read off);
not measured here.
"""

_base_ = './cds-semi_r18_cifar10_10pct.py'

train_dataloader = dict(dataset=dict(ratio=0.3))
