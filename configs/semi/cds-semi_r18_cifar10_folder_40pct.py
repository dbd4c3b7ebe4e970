"""CDS, ResNet-18, CIFAR-10 as image files, 40 % of the labels.

    python tools/train.py configs/semi/cds-semi_r18_cifar10_folder_40pct.py

For 1 GPU with 128 images.  Top-1 90.7 % published (figure, read off);
not measured at this scale; a smaller scale is in docs/results.md.
"""

_base_ = './cds-semi_r18_cifar10_folder_10pct.py'

train_dataloader = dict(dataset=dict(ratio=0.4))
