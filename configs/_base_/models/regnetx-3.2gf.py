"""RegNetX-3.2GF."""

_base_ = './r18.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='RegNet',
        arch='regnetx_3.2gf',
        out_indices=(0, 1, 2, 3),
        zero_init_residual=False,
    ),
    head=dict(in_channels=1008),
)
