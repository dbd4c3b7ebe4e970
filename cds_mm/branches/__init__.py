"""Branches: from a tapped feature map to a vector, in training only."""

from cds_mm.branches.branch import Branch
from cds_mm.branches.geometry import StageSpec, stage_specs
from cds_mm.branches.heads import ClassHead, ProjectionHead
from cds_mm.branches.towers import IdentityTower, SepConvTower

__all__ = [
    'Branch',
    'ClassHead',
    'IdentityTower',
    'ProjectionHead',
    'SepConvTower',
    'StageSpec',
    'stage_specs',
]
