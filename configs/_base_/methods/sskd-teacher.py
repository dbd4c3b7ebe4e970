"""SSKD (Xu et al., ECCV 2020), its first stage: a teacher learns rotations.

An MLP on the last stage finds the upright image of each rotated one.
"""

method = dict(
    branches=dict(
        rotation=dict(
            type='Branch',
            tap='last_stage',
            tower=dict(type='IdentityTower'),
            head=dict(
                type='ProjectionHead', hidden='same', out_channels='same'
            ),
        )
    ),
    supervisions=dict(rotations=dict(type='RotationContrast', num_views=4)),
)
