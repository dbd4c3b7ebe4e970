"""Wide ResNet-50-2: inner convolutions of double width.

MMDetection's ResNet cannot be that wide.  There it is
backbone=dict(type='mmpretrain.ResNet', base_channels=128, expansion=2), with
out_indices=(0, 1, 2, 3), since MMPretrain's default is the last stage alone.
"""

_base_ = './r50.py'

model = dict(backbone=dict(base_channels=128, expansion=2))
