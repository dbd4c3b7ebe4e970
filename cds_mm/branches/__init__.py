"""Branches: from a tapped feature map to a vector, in training only."""

import cds_mm.hosts  # noqa: F401

from cds_mm.branches.branch import Branch
from cds_mm.branches.geometry import (
    NetworkSpec,
    StageSpec,
    network_spec,
    stage_specs,
)
from cds_mm.branches.heads import ClassHead, ProjectionHead
from cds_mm.branches.towers import (
    IdentityTower,
    ResidualTower,
    SepConvTower,
)

__all__ = [
    'Branch',
    'ClassHead',
    'IdentityTower',
    'NetworkSpec',
    'ProjectionHead',
    'ResidualTower',
    'SepConvTower',
    'StageSpec',
    'network_spec',
    'stage_specs',
]
