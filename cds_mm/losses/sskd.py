"""SSKD: rotation similarities, and the teacher predictions to distil from.

Xu et al., "Knowledge Distillation Meets Self-Supervision" (SSKD), ECCV 2020,
as in its released code.
"""

import torch
from torch import Tensor

from cds_mm.losses.divergence import softened_divergence
from cds_mm.losses.normalize import unit_rows
from cds_mm.precision import at_least_float32


@torch.no_grad()
def select_rows(
    teacher_logits: Tensor, targets: Tensor, ratio: float
) -> Tensor:
    """Drop the rows in which the teacher errs most.

    The rank of a row is the number of entries that the teacher puts before
    the true one.  Kept are all rows of rank 0 and, of the W others, the
    ``int(ratio * W)`` of lowest rank; of equal ranks the earlier row.  (In the
    released code ``ratio`` is 1 for the logits of rotated images and 0.75 for
    the similarities.)  None is kept where no row is right and ``ratio * W``
    is below 1.

    Args:
        teacher_logits: (N, K); of equal logits the earlier counts as before.
        targets: (N,) int64 true class, or true source image, in [0, K); -1
            where it is not known: such a row counts as right.
        ratio: share of the wrong rows that are kept.

    Returns:
        Tensor: (N,) bool.
    """
    rank = _rank(teacher_logits, targets.unsqueeze(1))
    place = torch.arange(len(rank), device=rank.device)
    order = rank.argsort(stable=True)
    position = torch.empty_like(order).scatter(0, order, place)
    wrong = (rank > 0).sum()
    kept = len(rank) - wrong + (ratio * wrong.double()).floor()
    return position < kept


def rotated_similarity(embeddings: Tensor, num_rotations: int = 4) -> Tensor:
    """Cosine of each rotated image with each upright one.

    (The released code interleaves, every fourth row upright; rows here are
    view-major.)  Row r*B + i of the result is image i in rotation r + 1, so
    its true source is ``arange(B).repeat(num_rotations - 1)``.

    Args:
        embeddings: (num_rotations * B, D) of any floating dtype, the B
            upright rows first.
        num_rotations: with the upright one.

    Returns:
        Tensor: ((num_rotations - 1) * B, B) float32 (float64 for float64).
    """
    if len(embeddings) % num_rotations:
        raise ValueError(
            f'{len(embeddings)} rows are not {num_rotations} rotations each'
        )
    with torch.autocast(embeddings.device.type, enabled=False):
        rows = unit_rows(embeddings)
        images = len(rows) // num_rotations
        return rows[images:] @ rows[:images].T


def selected_divergence(
    teacher_logits: Tensor,
    logits: Tensor,
    targets: Tensor,
    ratio: float,
    temperature: float,
) -> Tensor:
    """:func:`softened_divergence` of the rows that are worth following.

    Args:
        teacher_logits: (N, K); no gradient reaches them.
        logits: (N, K) logits that are to follow.
        targets: as of :func:`select_rows`.
        ratio: as of :func:`select_rows`.
        temperature: T.

    Returns:
        Tensor: a scalar, the mean over the rows kept; 0 where none is.  Of
        several ranks each has its own rows and mean.
    """
    kept = select_rows(teacher_logits, targets, ratio)
    if not kept.any():
        return 0 * at_least_float32(logits).sum()
    return softened_divergence(teacher_logits[kept], logits[kept], temperature)


def _rank(logits, targets):
    own = logits.gather(1, targets.clamp(min=0))
    column = torch.arange(logits.size(1), device=logits.device)
    before = (logits > own) | ((logits == own) & (column < targets))
    return before.sum(1) * (targets.squeeze(1) >= 0)
