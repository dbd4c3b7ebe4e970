"""BYOL on ResNet-18: projector, predictor, and a slow copy as the target.

MMPretrain's own class.  In one process its runner turns synchronised
BatchNorm into the plain one.
"""

_base_ = './r18.py'

_sync = dict(type='SyncBN')
_projector = dict(
    type='NonLinearNeck',
    in_channels=512,
    hid_channels=4096,
    out_channels=256,
    num_layers=2,
    with_bias=True,
    with_last_bn=False,
    with_avg_pool=True,
    norm_cfg=_sync,
)
model = dict(
    _delete_=True,
    type='BYOL',
    # 1 - tau: tau goes from 0.996 to 1 with a cosine, over the whole run.
    base_momentum=0.004,
    backbone=dict(_base_.model.backbone, out_indices=(3,), norm_cfg=_sync),
    neck=_projector,
    head=dict(
        type='LatentPredictHead',
        predictor=dict(_projector, in_channels=256, with_avg_pool=False),
        loss=dict(type='CosineSimilarityLoss'),
    ),
)
