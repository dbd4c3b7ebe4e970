"""SupCon, ImageNet, 350 epochs, total batch 6144.

LARS is the paper's; rate (0.3 for each 256 images), decay and warm-up are
those of SimCLR, since nothing we have read states SupCon's.
"""

_base_ = './lars.py'

optim_wrapper = dict(optimizer=dict(lr=7.2, weight_decay=1e-6))
param_scheduler = [
    dict(start_factor=1e-3, **_base_.warm_up),
    dict(T_max=340, end=350, **_base_.cosine),
]
train_cfg = dict(by_epoch=True, max_epochs=350)
auto_scale_lr = dict(base_batch_size=6144)
