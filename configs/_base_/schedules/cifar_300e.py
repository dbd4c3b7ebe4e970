"""CIFAR, 300 epochs, batch 128 (released code of CDS)."""

optim_wrapper = dict(
    type='OptimWrapper',
    # Weight decay on every parameter, those of BatchNorm too.
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4),
)
# The poster's loss curve drops near 112 and 224 instead.
param_scheduler = dict(
    type='MultiStepLR', by_epoch=True, milestones=[90, 180, 280], gamma=0.1
)
train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=1)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=128)
