"""ResNet-18 with half its width, for what a laptop can train."""

_base_ = './r18.py'

model = dict(
    # MMDetection ties the stem to base_channels, MMPretrain does not.
    backbone=dict(base_channels=32, stem_channels=32),
    head=dict(num_classes=10, in_channels=256),
)
