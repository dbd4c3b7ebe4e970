"""CIFAR, 600 epochs: as many views as two-view training in 300."""

_base_ = './cifar_300e.py'

param_scheduler = dict(milestones=[180, 360, 560])
train_cfg = dict(max_epochs=600)
