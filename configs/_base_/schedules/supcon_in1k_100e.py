"""SupCon, ImageNet, 100 epochs, total batch 6144."""

_base_ = './supcon_in1k_350e.py'

param_scheduler = [
    dict(start_factor=1e-3, **_base_.warm_up),
    dict(T_max=90, end=100, **_base_.cosine),
]
train_cfg = dict(max_epochs=100)
