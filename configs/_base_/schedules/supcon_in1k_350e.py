"""SupCon, ImageNet, 350 epochs, total batch 6144.

LARS is the paper's; rate (0.3 for each 256 images), decay and warm-up are
those of SimCLR, since nothing we have read states SupCon's.
"""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='LARS', lr=7.2, momentum=0.9, weight_decay=1e-6),
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
        start_factor=1e-3,
        begin=0,
        end=10,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=340,
        begin=10,
        end=350,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=350)
auto_scale_lr = dict(base_batch_size=6144)
