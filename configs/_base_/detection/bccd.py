"""BCCD blood cells, 640 x 480 read at 320 x 240, in COCO format."""

_base_ = './narrow.py'

_train_pipeline = _base_.narrow_train_pipeline
_train_pipeline[2].scale = (320, 240)
_test_pipeline = _base_.narrow_test_pipeline
_test_pipeline[1].scale = (320, 240)
_classes = ('RBC', 'WBC', 'Platelets')
_loader = dict(batch_size=8, num_workers=0, persistent_workers=False)
_dataset = dict(data_root='data/bccd/', metainfo=dict(classes=_classes))

small_classes = len(_classes)
small_train = dict(
    dataset=dict(
        ann_file='annotations/instances_train.json',
        data_prefix=dict(img='images/'),
        pipeline=_train_pipeline,
        **_dataset,
    ),
    **_loader,
)
small_val = dict(
    dataset=dict(
        ann_file='annotations/instances_val.json',
        data_prefix=dict(img='images/'),
        pipeline=_test_pipeline,
        **_dataset,
    ),
    **_loader,
)
small_evaluator = dict(ann_file='data/bccd/annotations/instances_val.json')
# Those of the CIFAR-10 pretraining, without which the converter refuses.
small_preprocessor = dict(
    mean=[125.307, 122.961, 113.8575], std=[51.5865, 50.847, 51.255]
)
small_train_cfg = dict(max_epochs=12, val_interval=1)
small_param_scheduler = [
    dict(
        type='OneCycleLR',
        eta_max=1e-3,
        total_steps=12,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
