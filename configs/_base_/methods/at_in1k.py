"""Attention transfer for ImageNet: on the last two stages (torchdistill)."""

_base_ = './at.py'

method = dict(supervisions=dict(at=dict(stages=2)))
