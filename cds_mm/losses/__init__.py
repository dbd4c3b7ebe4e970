"""Pure functions of tensors; they know no model and no registry."""

from cds_mm.losses.contrastive import (
    Relations,
    contrastive_loss,
    poster_contrastive_loss,
    relate,
    related_contrastive_loss,
)
from cds_mm.losses.cross_entropy import labelled_cross_entropy
from cds_mm.losses.divergence import (
    softened_cross_entropy,
    softened_divergence,
)
from cds_mm.losses.normalize import unit_rows

__all__ = [
    'Relations',
    'contrastive_loss',
    'labelled_cross_entropy',
    'poster_contrastive_loss',
    'relate',
    'related_contrastive_loss',
    'softened_cross_entropy',
    'softened_divergence',
    'unit_rows',
]
