r"""Faster R-CNN, R50-FPN, COCO 1x, SyncBN, pretrained with CDS.

    tools/dist_train.sh \
        configs/detection/faster-rcnn_r50-cds_fpn_syncbn_1x_coco.py 8

The other BatchNorm regime, with nothing frozen: a recipe that freezes can hide
or invent a gain. On one process or without a GPU the SyncBN is plain
BatchNorm. For 8 GPUs with 2 images each. Box AP not published; not measured
here.
"""

_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'

model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/cds_r50_in1k/backbone.pth'),
        frozen_stages=-1,
        norm_eval=False,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
    )
)
