"""Pure functions of tensors, each with a thin registered module beside it."""

from cds_mm.losses.contrastive import (
    anchor_counts,
    contrastive_loss,
    poster_contrastive_loss,
)
from cds_mm.losses.normalize import unit_rows

__all__ = [
    'anchor_counts',
    'contrastive_loss',
    'poster_contrastive_loss',
    'unit_rows',
]
