"""BYOL, then DSN, ResNet-18, CIFAR-100, 80 epochs of fine-tuning.

    python tools/train.py configs/representation/byol-dsn_r18_cifar100_80e.py

Trains all layers, from the backbone of byol_r18_cifar100_pretrain-1000e.py;
tools/run_row.py runs both. The schedule is ours. For 1 GPU with 128 images.
Top-1 not published; not measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/dsn.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/finetune_80e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
load_from = 'work_dirs/byol_r18_cifar100_pretrain-1000e/epoch_1000.pth'
optim_wrapper = dict(optimizer=dict(lr=0.0125, weight_decay=0.0005))
auto_scale_lr = dict(base_batch_size=128)
