"""ImageNet, 270 epochs, total batch 4096 (the AutoAugment paper's recipe)."""

_base_ = './in1k_90e.py'

optim_wrapper = dict(optimizer=dict(lr=1.6))
param_scheduler = dict(milestones=[90, 180, 240])
train_cfg = dict(max_epochs=270)
auto_scale_lr = dict(base_batch_size=4096)
