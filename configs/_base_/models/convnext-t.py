"""ConvNeXt-T, whose four stages each end in a LayerNorm, as for detectors."""

_base_ = './r18.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='ConvNeXt',
        arch='tiny',
        drop_path_rate=0.1,
        out_indices=(0, 1, 2, 3),
        gap_before_final_norm=False,
    ),
    head=dict(in_channels=768),
)
# Of cross entropy alone, the norms of the first three stages.
find_unused_parameters = True
