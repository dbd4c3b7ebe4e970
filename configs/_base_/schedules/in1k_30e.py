"""ImageNet, 30 epochs: the first stage of SSKD (torchdistill)."""

_base_ = './in1k_90e.py'

optim_wrapper = dict(optimizer=dict(weight_decay=5e-4))
param_scheduler = dict(milestones=[10, 20])
train_cfg = dict(max_epochs=30)
