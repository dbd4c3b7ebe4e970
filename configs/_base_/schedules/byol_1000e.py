"""BYOL, 1000 epochs, total batch 1024 (its paper's rule for the rate)."""

_base_ = './lars.py'

optim_wrapper = dict(optimizer=dict(lr=0.8, weight_decay=1.5e-6))
param_scheduler = [
    dict(start_factor=1e-4, **_base_.warm_up),
    dict(T_max=990, end=1000, **_base_.cosine),
]
train_cfg = dict(by_epoch=True, max_epochs=1000)
auto_scale_lr = dict(base_batch_size=1024)
