"""For a CPU core: a quarter of the width, 250 images a class, 1/10 epochs.

CIFAR as image files.  300 epochs become 30, with a cosine; the last epoch
counts.
"""

width = 1 / 4
epochs = 1 / 10
override = dict(
    train_dataloader=dict(
        batch_size=64, num_workers=0, dataset=dict(images_per_class=250)
    ),
    val_dataloader=dict(batch_size=500, num_workers=0),
    test_dataloader=dict(batch_size=500, num_workers=0),
    optim_wrapper=dict(optimizer=dict(lr=0.05)),
    param_scheduler=dict(
        _delete_=True,
        type='CosineAnnealingLR',
        T_max=30,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    train_cfg=dict(val_interval=10),
    default_hooks=dict(checkpoint=dict(max_keep_ckpts=1, save_best=None)),
    auto_scale_lr=dict(base_batch_size=64),
)
