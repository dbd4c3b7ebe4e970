"""BYOL, 1000 epochs, total batch 1024 (its paper's rule for the rate)."""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='LARS', lr=0.8, momentum=0.9, weight_decay=1.5e-6),
    # Neither biases nor BatchNorm decay, nor is their step adapted. The
    # names are parts of parameter names; a shortcut's BatchNorm is
    # `downsample.1`.
    paramwise_cfg=dict(
        custom_keys={
            name: dict(decay_mult=0.0, lars_exclude=True)
            for name in ('bn', 'bias', 'downsample.1')
        }
    ),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-4,
        begin=0,
        end=10,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=990,
        begin=10,
        end=1000,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=1000)
auto_scale_lr = dict(base_batch_size=1024)
