r"""SupCon, ResNet-50, ImageNet, batch 512, 350 epochs, AutoAugment.

    tools/dist_train.sh \
        configs/representation/supcon_r50_in1k_bs512-350e-autoaug.py 8

Pretrains alone; supcon-linear_r50_in1k_bs512-350e-autoaug.py builds on it, and
has its number.  The schedule is ours.  For 8 GPUs with 64 images each.  Top-1:
there is no classifier; not measured here.
"""

_base_ = './supcon_r50_in1k_bs6144-350e-autoaug.py'

train_dataloader = dict(batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=0.6))
auto_scale_lr = dict(base_batch_size=512)
