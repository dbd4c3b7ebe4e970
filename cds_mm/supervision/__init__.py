"""Supervisions: which branches, which pairs, which rows, which weight."""

import cds_mm.hosts  # noqa: F401

from cds_mm.supervision.at import AttentionTransfer
from cds_mm.supervision.base import Supervision, asking_for_labels
from cds_mm.supervision.cc import CorrelationCongruence
from cds_mm.supervision.cds import ContrastiveSupervision
from cds_mm.supervision.cds_kd import StageDistillation
from cds_mm.supervision.crd import (
    ContrastiveRepresentationDistillation,
)
from cds_mm.supervision.cross_entropy import CrossEntropySupervision
from cds_mm.supervision.dks import SynergySupervision
from cds_mm.supervision.dsn import DeepSupervision
from cds_mm.supervision.kd import LogitDistillation
from cds_mm.supervision.one import EnsembleSupervision
from cds_mm.supervision.rkd import RelationalDistillation
from cds_mm.supervision.sp import SimilarityPreserving
from cds_mm.supervision.sskd import (
    RotationContrast,
    RotationDistillation,
)

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
