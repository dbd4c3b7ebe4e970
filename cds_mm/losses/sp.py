"""Similarity-preserving distillation (SP): compare which images look alike.

Tung & Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cds_mm.losses.normalize import NORM_FLOOR, student_and_teacher


def similarity_preserving_loss(
    student_map: Tensor, teacher_map: Tensor
) -> Tensor:
    """``|G_T - G_S|_F^2 / B^2`` of the row-normalised similarities G.

    As in the paper, which released codes follow: ``G = X X^T`` with
    each row divided by its length, X the (B, C*H*W) of a map.  Unchanged when
    the channels of a side are rotated or the side is scaled.  Finite, with
    bounded gradient, also for zero maps, whose row of G is 0.

    Args:
        student_map: (B, ...) of any floating dtype.
        teacher_map: (B, ...), other sizes allowed; no gradient reaches it.

    Returns:
        Tensor: scalar float32 (float64 for float64 input).
    """
    with torch.autocast(student_map.device.type, enabled=False):
        maps = student_and_teacher(student_map, teacher_map)
        student, teacher = (_similarities(m.flatten(1)) for m in maps)
        return (student - teacher).square().mean()


def _similarities(rows):
    # G does not depend on the scale, so the scale needs no gradient.  With
    # the longest row at 1 no product overflows, and the floor below means
    # the same for every width and size of map.
    longest = torch.linalg.vector_norm(rows.detach(), dim=1).amax()
    rows = rows / longest.clamp(min=NORM_FLOOR)
    return F.normalize(rows @ rows.T, dim=1, eps=NORM_FLOOR)
