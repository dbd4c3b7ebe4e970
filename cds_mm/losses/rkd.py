"""Relational knowledge distillation (RKD): compare distances and angles.

Park et al., "Relational Knowledge Distillation", CVPR 2019.  The two terms
are weighted 25 and 50 in RepDistiller, whose code this follows.  Student and
teacher may differ in width.  Relations are those of the rows given, so under
several ranks they are those of one rank.

With B rows of width D and a ``chunk`` of c anchors a term has c*B*D + B^2
(distances) or c*B*D + c*B^2 (angles) floats alive at a time, forth and back,
instead of B^2*D and B^3: at B = 256, D = 2048 the differences alone would
take 0.54 GB a side.  The price is that each chunk is computed twice.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from cds_mm.losses.normalize import NORM_FLOOR, student_and_teacher

# Root of the 1e-12 that RepDistiller clamps squared distances at.
SHORTEST = 1e-6


def relational_distance_loss(
    student: Tensor, teacher: Tensor, chunk: int = 32
) -> Tensor:
    """Huber loss of the pair distances, each side divided by its mean one.

    As in RepDistiller the mean distance is over the positive entries,
    which are the pairs of different rows (equal rows are 1e-6 apart), and
    the loss over all B^2 entries, of which the diagonal is 0.  (The paper
    sums over pairs.)  Equal rows have no gradient on each other.  Unchanged
    when a side is scaled, shifted or rotated.

    Args:
        student: (B, D) of any floating dtype, not normalised.
        teacher: (B, D'), no gradient reaches it.
        chunk: anchors at a time.

    Returns:
        Tensor: scalar float32 (float64 for float64 input); a zero that
        keeps the graph for one row.
    """
    with torch.autocast(student.device.type, enabled=False):
        student, teacher = student_and_teacher(student, teacher)
        return F.smooth_l1_loss(
            _relative_distances(student, chunk),
            _relative_distances(teacher, chunk),
        )


def relational_angle_loss(
    student: Tensor, teacher: Tensor, chunk: int = 32
) -> Tensor:
    """Huber loss of the angles that each pair of rows makes at a third.

    With ``u_ij = (x_j - x_i) / |x_j - x_i|`` the
    cosines ``u_ij . u_ik``.  As in RepDistiller the mean is over all
    B^3 entries, of which those with two equal rows are 0.  (The paper sums
    over triplets.)  Rows closer than 1e-4 count
    as partly equal, which bounds the gradient.  Unchanged when a side is
    scaled, shifted or rotated.

    Args:
        student: (B, D) of any floating dtype, not normalised.
        teacher: (B, D'), no gradient reaches it.
        chunk: anchors i at a time.

    Returns:
        Tensor: scalar float32 (float64 for float64 input); a zero that
        keeps the graph for one row.
    """
    with torch.autocast(student.device.type, enabled=False):
        student, teacher = student_and_teacher(student, teacher)
        total = sum(
            _again_in_backward(_angle_sum, *anchors, student, teacher)
            for anchors in zip(
                student.split(chunk), teacher.split(chunk), strict=True
            )
        )
        return total / len(student) ** 3


def _relative_distances(rows, chunk):
    parts = [
        _again_in_backward(_distances, anchors, rows)
        for anchors in rows.split(chunk)
    ]
    distances = torch.cat(parts).clamp(min=SHORTEST)
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    distances = distances.masked_fill(itself, 0)
    pairs = max(len(rows) * (len(rows) - 1), 1)
    # The floor is of use for one row only, which has no pair.
    return distances / (distances.sum() / pairs).clamp(min=SHORTEST)


def _again_in_backward(function, *tensors):
    return checkpoint(
        function, *tensors, use_reentrant=False, preserve_rng_state=False
    )


def _distances(anchors, rows):
    # By differences: lengths and dot products cancel in fp32.
    return torch.linalg.vector_norm(rows - anchors.unsqueeze(1), dim=2)


def _angle_sum(anchors_student, anchors_teacher, student, teacher):
    return F.smooth_l1_loss(
        _cosines(anchors_student, student),
        _cosines(anchors_teacher, teacher),
        reduction='sum',
    )


def _cosines(anchors, rows):
    units = F.normalize(rows - anchors.unsqueeze(1), dim=2, eps=NORM_FLOOR)
    return units @ units.mT
