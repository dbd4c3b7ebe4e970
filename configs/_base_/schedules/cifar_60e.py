"""CIFAR, 60 epochs, batch 64: the first stage of SSKD (released code)."""

_base_ = './cifar_300e.py'

optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = dict(milestones=[30, 45])
train_cfg = dict(max_epochs=60)
auto_scale_lr = dict(base_batch_size=64)
