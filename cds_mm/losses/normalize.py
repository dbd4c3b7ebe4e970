"""Unit vectors with a gradient that stays bounded."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cds_mm.precision import at_least_float32

# Below this length a vector is divided by the floor instead of its length.
# The gradient of v / |v| grows as 1 / |v|, so the floor bounds it; the usual
# 1e-12 lets a dead (all-zero) vector multiply its gradient by 1e12.
NORM_FLOOR = 1e-4
# The gradient of a row of float16 is float16 again, at most 65504.  With unit
# rows that of the contrastive loss is at most 4 / temperature: with this floor
# it fits for temperatures from 0.016 on.
FLOAT16_NORM_FLOOR = 2**-8


def unit_rows(vectors: Tensor, floor: float = NORM_FLOOR) -> Tensor:
    """Divide each row by its length, in float32 whatever the autocast.

    Args:
        vectors: (N, D) of any floating dtype.
        floor: rows shorter than this are divided by it: a zero row stays
            zero, and no gradient is multiplied by more than 1 / floor.  For
            rows of float16 it is at least ``FLOAT16_NORM_FLOOR``, since the
            gradient would overflow.

    Returns:
        Tensor: (N, D) float32, or float64 for float64 input.
    """
    if vectors.dtype == torch.float16:
        floor = max(floor, FLOAT16_NORM_FLOOR)
    return F.normalize(at_least_float32(vectors), dim=1, eps=floor)


def student_and_teacher(
    student: Tensor, teacher: Tensor
) -> tuple[Tensor, Tensor]:
    """What a distillation loss compares, ready for it.

    Args:
        student: (B, ...) of any floating dtype.
        teacher: (B, ...) of any floating dtype.

    Returns:
        tuple: the student, and the teacher without its gradient; both of the
        wider of their dtypes, at least float32.

    Raises:
        ValueError: the rows are not as many, so that they cannot be pairs
            (and one row would be broadcast without a word).
    """
    if len(student) != len(teacher):
        raise ValueError(
            'student and teacher have one row per image each, but they are '
            f'{tuple(student.shape)} and {tuple(teacher.shape)}'
        )
    dtype = torch.promote_types(student.dtype, teacher.dtype)
    dtype = torch.promote_types(dtype, torch.float32)
    return student.to(dtype), teacher.detach().to(dtype)


def same_shape(student: Tensor, teacher: Tensor) -> None:
    """Raise ValueError where subtraction would broadcast or fail."""
    if student.shape != teacher.shape:
        raise ValueError(
            'student and teacher are of one shape, but they are '
            f'{tuple(student.shape)} and {tuple(teacher.shape)}'
        )
