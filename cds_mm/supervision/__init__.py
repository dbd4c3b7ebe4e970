"""Supervisions: which branches, which pairs, which rows, which weight."""

from cds_mm.supervision.base import Supervision
from cds_mm.supervision.contrast import ContrastiveSupervision
from cds_mm.supervision.cross_entropy import CrossEntropySupervision

__all__ = ['ContrastiveSupervision', 'CrossEntropySupervision', 'Supervision']
