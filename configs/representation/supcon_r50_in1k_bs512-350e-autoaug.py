r"""SupCon, ResNet-50, ImageNet, batch 512, 350 epochs, AutoAugment.

    tools/dist_train.sh \
        configs/representation/supcon_r50_in1k_bs512-350e-autoaug.py 8

Pretrains alone; supcon-linear_r50_in1k_bs512-350e-autoaug.py builds on it, and
has its number. The schedule is ours. For 8 GPUs with 64 images each. Top-1:
there is no classifier; not measured here.
"""

_base_ = [
    '../_base_/models/r50.py',
    '../_base_/methods/supcon.py',
    '../_base_/datasets/in1k_supcon.py',
    '../_base_/schedules/supcon_in1k_350e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=0.6))
auto_scale_lr = dict(base_batch_size=512)
