r"""Faster R-CNN, R50-FPN, COCO 1x, backbone pretrained with DSN.

    python tools/convert_backbone.py work_dirs/dsn_r50_in1k/epoch_90.pth \
        work_dirs/dsn_r50_in1k/backbone.pth \
        --detector configs/detection/faster-rcnn_r50-dsn_fpn_1x_coco.py
    tools/dist_train.sh configs/detection/faster-rcnn_r50-dsn_fpn_1x_coco.py 8

BatchNorm keeps the statistics of pretraining, as MMDetection does. For 8 GPUs
with 2 images each. Box AP 37.3 published (Table 4); not measured here.
"""

_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'

model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/dsn_r50_in1k/backbone.pth')
    )
)
