"""SupCon, ResNet-50, CIFAR-100, 1000 epochs.

    python tools/train.py configs/representation/supcon_r50_cifar100_1000e.py

Pretrains alone; supcon-linear_r50_cifar100_1000e.py builds on it. Schedule and
views are those of SupContrast's code. For 1 GPU with 1024 images. Top-1: there
is no classifier; not measured here.
"""

_base_ = [
    '../_base_/models/r50_cifar.py',
    '../_base_/methods/supcon.py',
    '../_base_/datasets/cifar100_supcon.py',
    '../_base_/schedules/supcon_cifar_1000e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(batch_size=1024)
