"""For a CPU core: a quarter of the width, 200 images a class, 1/12 epochs.

CIFAR as image files, of which the first of each class are trained on and all
are tested on.  300 epochs become 25, with a cosine; the last epoch counts.
"""

data = ('cifar10_folder',)
width = 1 / 4
epochs = 1 / 12
_evaluator = [
    dict(type='Accuracy', topk=(1, 5)),
    dict(type='CalibrationMetric'),
]
override = dict(
    train_dataloader=dict(
        batch_size=64, num_workers=0, dataset=dict(images_per_class=200)
    ),
    val_dataloader=dict(batch_size=500, num_workers=0),
    test_dataloader=dict(batch_size=500, num_workers=0),
    optim_wrapper=dict(optimizer=dict(lr=0.05)),
    param_scheduler=dict(
        _delete_=True,
        type='CosineAnnealingLR',
        T_max=25,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    train_cfg=dict(val_interval=10),
    default_hooks=dict(checkpoint=dict(max_keep_ckpts=1, save_best=None)),
    auto_scale_lr=dict(base_batch_size=64),
    val_evaluator=_evaluator,
    test_evaluator=_evaluator,
)
