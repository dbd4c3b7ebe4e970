"""SE-ResNet-18.

In MMDetection: backbone=dict(type='mmpretrain.SEResNetAnyDepth',
out_indices=(0, 1, 2, 3)) and
custom_imports=dict(imports=['cds_mm.registration']).
"""

_base_ = './r18.py'

model = dict(backbone=dict(type='SEResNetAnyDepth'))
