"""Supervisions: which branches, which pairs, which rows, which weight."""

import cds_mm.hosts  # noqa: F401

from cds_mm.supervision.base import Supervision, asking_for_labels
from cds_mm.supervision.contrast import ContrastiveSupervision
from cds_mm.supervision.correlation import CorrelationCongruence
from cds_mm.supervision.cross_entropy import CrossEntropySupervision
from cds_mm.supervision.deep import DeepSupervision
from cds_mm.supervision.ensemble import EnsembleSupervision
from cds_mm.supervision.logits import LogitDistillation
from cds_mm.supervision.maps import AttentionTransfer, SimilarityPreserving
from cds_mm.supervision.relational import RelationalDistillation
from cds_mm.supervision.representation import (
    ContrastiveRepresentationDistillation,
)
from cds_mm.supervision.rotation import (
    RotationContrast,
    RotationDistillation,
)
from cds_mm.supervision.stages import StageDistillation
from cds_mm.supervision.synergy import SynergySupervision

__all__ = [
    'AttentionTransfer',
    'ContrastiveRepresentationDistillation',
    'ContrastiveSupervision',
    'CorrelationCongruence',
    'CrossEntropySupervision',
    'DeepSupervision',
    'EnsembleSupervision',
    'LogitDistillation',
    'RelationalDistillation',
    'RotationContrast',
    'RotationDistillation',
    'SimilarityPreserving',
    'StageDistillation',
    'Supervision',
    'SynergySupervision',
    'asking_for_labels',
]
