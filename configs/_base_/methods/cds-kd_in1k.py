"""Distilled CDS for ImageNet, as its released script runs it."""

_base_ = './cds-kd.py'

method = dict(
    supervisions=dict(
        # The script's 0.5 stands nowhere in the paper.
        cds=dict(weight=0.5),
        stages=dict(weight=0.5, always_adapt=True),
        kd=dict(temperature=1.0),
    )
)
