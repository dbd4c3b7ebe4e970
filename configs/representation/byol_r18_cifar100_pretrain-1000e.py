r"""BYOL, ResNet-18, CIFAR-100, 1000 epochs of pretraining.

    python tools/train.py \
        configs/representation/byol_r18_cifar100_pretrain-1000e.py

Without labels; byol_r18_cifar100_80e.py fine-tunes it. Our choice: the recipe
of ImageNet without blur, batch 512, crops as SupContrast has them, 0.2 as the
learning rate for each 256 images. For 1 GPU with 512 images. Top-1: there is
no classifier; not measured here.
"""

_base_ = [
    '../_base_/models/r18_byol_cifar.py',
    '../_base_/datasets/cifar100_byol.py',
    '../_base_/schedules/byol_1000e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=512)
optim_wrapper = dict(optimizer=dict(lr=0.4))
auto_scale_lr = dict(base_batch_size=512)
