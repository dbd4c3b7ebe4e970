"""Backbones that MMPretrain lacks."""

from cds_mm.backbones.resnet import ResNetNoMaxPool

__all__ = ['ResNetNoMaxPool']
