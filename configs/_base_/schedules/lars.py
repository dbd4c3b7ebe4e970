"""LARS, a warm-up of 10 epochs, then a cosine: for large batches."""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='LARS', momentum=0.9),
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
warm_up = dict(
    type='LinearLR',
    begin=0,
    end=10,
    by_epoch=True,
    convert_to_iter_based=True,
)
cosine = dict(
    type='CosineAnnealingLR',
    begin=10,
    by_epoch=True,
    convert_to_iter_based=True,
)
