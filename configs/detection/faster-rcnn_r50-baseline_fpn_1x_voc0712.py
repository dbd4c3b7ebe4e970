r"""Faster R-CNN, R50-FPN, VOC0712 1x, backbone pretrained with cross entropy.

    python tools/convert_backbone.py work_dirs/baseline_r50_in1k/epoch_90.pth \
        work_dirs/baseline_r50_in1k/backbone.pth \
        --detector configs/detection/faster-rcnn_r50-baseline_fpn_1x_voc0712.py
    tools/dist_train.sh \
        configs/detection/faster-rcnn_r50-baseline_fpn_1x_voc0712.py 8

BatchNorm keeps the statistics of pretraining, as MMDetection does. Reads
data/VOCdevkit/{VOC2007,VOC2012} and tests on the test set of 2007, whose
archive is another one than that of its trainval. For 8 GPUs with 2 images
each. AP50 (11 points) not published; not measured here.
"""

_base_ = 'mmdet::pascal_voc/faster-rcnn_r50_fpn_1x_voc0712.py'

model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/baseline_r50_in1k/backbone.pth')
    )
)
