"""The demo's scenes of digits, 128 x 128, in COCO format."""

_dataset = dict(
    data_root='data/digits/scenes/',
    metainfo=dict(classes=tuple('0123456789')),
)
_load = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(128, 128), keep_ratio=True),
]
digits_classes = 10
digits_train = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        ann_file='train.json',
        data_prefix=dict(img='train/'),
        pipeline=[*_load, dict(type='PackDetInputs')],
        **_dataset,
    ),
)
digits_val = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        ann_file='val.json',
        data_prefix=dict(img='val/'),
        pipeline=[
            *_load,
            dict(
                type='PackDetInputs',
                meta_keys=(
                    'img_id',
                    'img_path',
                    'ori_shape',
                    'img_shape',
                    'scale_factor',
                ),
            ),
        ],
        **_dataset,
    ),
)
digits_evaluator = dict(ann_file='data/digits/scenes/val.json')
digits_train_cfg = dict(max_epochs=6, val_interval=1)
digits_param_scheduler = [
    dict(
        type='OneCycleLR',
        eta_max=1e-3,
        total_steps=6,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
