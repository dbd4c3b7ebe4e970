"""Distilled CDS (Zhang et al., ECCV 2022): a CDS teacher with its branches.

The released code has the weights of CIFAR here, others for ImageNet, and
never multiplies by the square of the temperature.
"""

_base_ = './cds.py'

method = dict(
    supervisions=dict(
        stages=dict(type='StageDistillation', weight=0.1, form='fro'),
        kd=dict(
            type='LogitDistillation',
            weight=1.0,
            temperature=3.0,
            form='cross_entropy',
        ),
    )
)
