r"""DINO, R50, COCO, 12 epochs, backbone pretrained with CDS.

    python tools/convert_backbone.py work_dirs/cds_r50_in1k/epoch_90.pth \
        work_dirs/cds_r50_in1k/backbone.pth \
        --detector configs/detection/dino-4scale_r50-cds_8xb2-12e_coco.py
    tools/dist_train.sh \
        configs/detection/dino-4scale_r50-cds_8xb2-12e_coco.py 8

BatchNorm keeps the statistics of pretraining, as MMDetection does. Without
compiled operations cds_mm.ops runs its deformable attention. For 8 GPUs with 2
images each. Box AP not published; not measured here.
"""

_base_ = 'mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py'

model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/cds_r50_in1k/backbone.pth')
    )
)
