r"""BYOL, ResNet-50, ImageNet, 1000 epochs of pretraining.

    tools/dist_train.sh \
        configs/representation/byol_r50_in1k_pretrain-1000e.py 8

Without labels; byol_r50_in1k_80e.py fine-tunes it. The schedule is its
paper's. For 8 GPUs with 128 images each. Top-1: there is no classifier; not
measured here.
"""

_base_ = [
    '../_base_/models/r50_byol.py',
    '../_base_/datasets/in1k_byol.py',
    '../_base_/schedules/byol_1000e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=128)
