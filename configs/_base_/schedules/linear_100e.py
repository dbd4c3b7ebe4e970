"""A linear classifier on a frozen network, 100 epochs, total batch 512.

That of SupContrast's code for CIFAR; for ImageNet it is our choice.
"""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=5.0, momentum=0.9, weight_decay=0.0),
)
param_scheduler = dict(
    type='MultiStepLR', by_epoch=True, milestones=[60, 75, 90], gamma=0.2
)
train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=1)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=512)
