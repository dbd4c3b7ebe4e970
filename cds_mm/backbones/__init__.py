"""Backbones that MMPretrain lacks."""

import cds_mm.hosts  # noqa: F401

from cds_mm.backbones.cifar_stem import CifarStem, ResNeXt_CIFAR
from cds_mm.backbones.preact_resnet import PreActResNet, PreActResNet_CIFAR
from cds_mm.backbones.resnet import ResNetNoMaxPool
from cds_mm.backbones.se_resnet import SEResNet_CIFAR, SEResNetAnyDepth

__all__ = [
    'CifarStem',
    'PreActResNet',
    'PreActResNet_CIFAR',
    'ResNeXt_CIFAR',
    'ResNetNoMaxPool',
    'SEResNetAnyDepth',
    'SEResNet_CIFAR',
]
