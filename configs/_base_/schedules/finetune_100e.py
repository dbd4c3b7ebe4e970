"""Fine-tuning, 100 epochs, batch 64 on one GPU.

Our choice throughout: Table 6 does not say how its networks were fine-tuned.
"""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4),
    # What pretraining did not fill learns ten times as fast. The names are
    # parts of parameter names.
    paramwise_cfg=dict(
        custom_keys=dict(head=dict(lr_mult=10), branches=dict(lr_mult=10))
    ),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.01,
        begin=0,
        end=5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=95,
        begin=5,
        end=100,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=1)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=64)
