r"""Mask R-CNN, R50-FPN, COCO 1x, backbone pretrained with CDS.

    python tools/convert_backbone.py work_dirs/cds_r50_in1k/epoch_90.pth \
        work_dirs/cds_r50_in1k/backbone.pth \
        --detector configs/detection/mask-rcnn_r50-cds_fpn_1x_coco.py
    tools/dist_train.sh configs/detection/mask-rcnn_r50-cds_fpn_1x_coco.py 8

BatchNorm keeps the statistics of pretraining, as MMDetection does. For 8 GPUs
with 2 images each. Box and mask AP not published; not measured here.
"""

_base_ = 'mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py'

model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/cds_r50_in1k/backbone.pth')
    )
)
