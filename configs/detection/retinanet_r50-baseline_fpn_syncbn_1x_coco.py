r"""RetinaNet from cross entropy, with nothing frozen and SyncBN.

    tools/dist_train.sh \
        configs/detection/retinanet_r50-baseline_fpn_syncbn_1x_coco.py 8

The other BatchNorm regime: a recipe that freezes can hide or invent a gain.
On one process or without a GPU the SyncBN is plain BatchNorm.  For 8 GPUs
with 2 images each.  Box AP not published, not measured here.
"""

_base_ = './retinanet_r50-baseline_fpn_1x_coco.py'

model = dict(
    backbone=dict(
        frozen_stages=-1,
        norm_eval=False,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
    )
)
