"""SupCon, CIFAR, 1000 epochs, total batch 1024 (SupContrast's code)."""

optim_wrapper = dict(
    type='OptimWrapper',
    # Weight decay on every parameter, those of BatchNorm too.
    optimizer=dict(type='SGD', lr=0.5, momentum=0.9, weight_decay=1e-4),
)
param_scheduler = dict(
    type='WarmUpCosineLR',
    T_max=1000,
    warm_up=10,
    start_factor=0.02,
    eta_min_ratio=1e-3,
    by_epoch=True,
    convert_to_iter_based=True,
)
train_cfg = dict(by_epoch=True, max_epochs=1000)
auto_scale_lr = dict(base_batch_size=1024)
