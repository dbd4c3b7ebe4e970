r"""RTMDet-s, COCO, 300 epochs, backbone pretrained with CDS.

    python tools/convert_backbone.py \
        work_dirs/cds_cspnext-s_folder/epoch_90.pth \
        work_dirs/cds_cspnext-s_folder/backbone.pth \
        --detector configs/detection/rtmdet_s-cds_8xb32-300e_coco.py
    tools/dist_train.sh configs/detection/rtmdet_s-cds_8xb32-300e_coco.py 8

All layers are trained. The backbone has seen images in the channel order of
this detector, with its mean and std. For 8 GPUs with 32 images each. Box AP
not published; not measured here.
"""

_base_ = 'mmdet::rtmdet/rtmdet_s_8xb32-300e_coco.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            prefix=None,
            checkpoint='work_dirs/cds_cspnext-s_folder/backbone.pth',
        )
    )
)
