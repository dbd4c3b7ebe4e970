"""The demo's scenes of digits, 128 x 128, in COCO format."""

_base_ = './narrow.py'

_train_pipeline = _base_.narrow_train_pipeline
_train_pipeline[2].scale = (128, 128)
_train_pipeline[3].prob = 0.0  # a mirrored digit is none
_test_pipeline = _base_.narrow_test_pipeline
_test_pipeline[1].scale = (128, 128)
_classes = tuple('0123456789')
_loader = dict(batch_size=8, num_workers=0, persistent_workers=False)
_dataset = dict(
    data_root='data/digits/scenes/', metainfo=dict(classes=_classes)
)

small_classes = len(_classes)
small_train = dict(
    dataset=dict(
        ann_file='train.json',
        data_prefix=dict(img='train/'),
        pipeline=_train_pipeline,
        **_dataset,
    ),
    **_loader,
)
small_val = dict(
    dataset=dict(
        ann_file='val.json',
        data_prefix=dict(img='val/'),
        pipeline=_test_pipeline,
        **_dataset,
    ),
    **_loader,
)
small_evaluator = dict(ann_file='data/digits/scenes/val.json')
small_train_cfg = dict(max_epochs=6, val_interval=1)
small_param_scheduler = [
    dict(
        type='OneCycleLR',
        eta_max=1e-3,
        total_steps=6,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
