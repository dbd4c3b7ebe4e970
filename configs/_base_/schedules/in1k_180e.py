"""ImageNet, 180 epochs: as many views as two-view training in 90."""

_base_ = './in1k_90e.py'

param_scheduler = dict(milestones=[60, 120])
train_cfg = dict(max_epochs=180)
