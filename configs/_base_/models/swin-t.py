"""Swin-T, for images of any size: windows are padded, as in detectors."""

_base_ = './r18.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='SwinTransformer',
        arch='tiny',
        drop_path_rate=0.2,
        out_indices=(0, 1, 2, 3),
        pad_small_map=True,
        init_cfg=[
            dict(type='TruncNormal', layer='Linear', std=0.02, bias=0.0),
            dict(type='Constant', layer='LayerNorm', val=1.0, bias=0.0),
        ],
    ),
    head=dict(in_channels=768),
)
# Of cross entropy alone, the norms of the first three stages.
find_unused_parameters = True
