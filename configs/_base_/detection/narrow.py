"""What makes a stock detector small enough for a CPU.

Not a config to run: the leaves in ``configs/demo`` and ``configs/bccd`` take
their parts from it through ``digits.py`` and ``bccd.py``, so that both
detectors are shrunk in one place.  A stock Faster R-CNN step takes seconds on
a CPU.
"""

_backbone = dict(depth=18, base_channels=32, frozen_stages=-1, norm_eval=False)
_neck = dict(in_channels=[32, 64, 128, 256], out_channels=64)

narrow_faster_rcnn = dict(
    backbone=_backbone,
    neck=_neck,
    rpn_head=dict(
        in_channels=64,
        feat_channels=64,
        anchor_generator=dict(scales=[4]),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=64),
        bbox_head=dict(in_channels=64, fc_out_channels=128),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=300, max_per_img=100),
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=300, max_per_img=100)),
)
narrow_retinanet = dict(
    backbone=_backbone,
    neck=_neck,
    bbox_head=dict(in_channels=64, feat_channels=64, stacked_convs=2),
)

narrow_optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=10.0),
)
narrow_train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(1333, 800), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
narrow_test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1333, 800), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
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
]
