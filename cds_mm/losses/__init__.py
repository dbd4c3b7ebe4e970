"""Pure functions of tensors; they know no model and no registry."""

from cds_mm.losses.at import attention_transfer_loss
from cds_mm.losses.cc import correlation_congruence_loss
from cds_mm.losses.cds_kd import feature_regression_loss
from cds_mm.losses.contrastive import (
    Relations,
    contrastive_loss,
    poster_contrastive_loss,
    relate,
    related_contrastive_loss,
)
from cds_mm.losses.crd import (
    Negatives,
    bank_scores,
    momentum_update,
    nce_loss,
    sample_negatives,
)
from cds_mm.losses.cross_entropy import (
    labelled_count,
    labelled_cross_entropy,
)
from cds_mm.losses.divergence import (
    softened_cross_entropy,
    softened_divergence,
)
from cds_mm.losses.normalize import unit_rows
from cds_mm.losses.rkd import (
    relational_angle_loss,
    relational_distance_loss,
)
from cds_mm.losses.sp import similarity_preserving_loss
from cds_mm.losses.sskd import (
    rotated_similarity,
    select_rows,
    selected_divergence,
)

__all__ = [
    'Negatives',
    'Relations',
    'attention_transfer_loss',
    'bank_scores',
    'contrastive_loss',
    'correlation_congruence_loss',
    'feature_regression_loss',
    'labelled_count',
    'labelled_cross_entropy',
    'momentum_update',
    'nce_loss',
    'poster_contrastive_loss',
    'relate',
    'related_contrastive_loss',
    'relational_angle_loss',
    'relational_distance_loss',
    'rotated_similarity',
    'sample_negatives',
    'select_rows',
    'selected_divergence',
    'similarity_preserving_loss',
    'softened_cross_entropy',
    'softened_divergence',
    'unit_rows',
]
