"""SSKD for ImageNet, with torchdistill's weight of cross entropy."""

_base_ = './sskd.py'

method = dict(supervisions=dict(ce=dict(weight=1.0)))
