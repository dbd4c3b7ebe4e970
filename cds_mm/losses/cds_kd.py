"""Distilled CDS: regress the embeddings of the teacher."""

import torch
from torch import Tensor

from cds_mm.losses.normalize import same_shape, student_and_teacher

# Under each root: the loss of equal rows is 1e-6, and its gradient 0.
UNDER_ROOT = 1e-12


def feature_regression_loss(
    student: Tensor, teacher: Tensor, form: str = 'fro'
) -> Tensor:
    """How far the student's rows are from the teacher's.

    With the residual R = student - teacher:

    * 'fro', the released code of CDS: ``|R|_F`` of the whole residual, not
      squared and not a mean, so that it grows as the root of N and its
      gradient has length 1 however small the error;
    * 'mse': the mean of R^2 over all entries;
    * 'l2_per_sample': the mean over rows of a row's length.

    (Zhang et al., "Contrastive Deep Supervision", ECCV 2022; the form in the
    paper's text, an L2 distance squared or not, could not be read.)

    Args:
        student: (N, D) of any floating dtype; in CDS unit rows, behind an
            adapter where the widths differ (and not normalised again).
        teacher: (N, D), in CDS unit rows; no gradient reaches it.
        form: 'fro', 'mse' or 'l2_per_sample'.

    Returns:
        Tensor: scalar float32 (float64 for float64 input).
    """
    if form not in ('fro', 'mse', 'l2_per_sample'):
        raise ValueError(
            f'form is {form!r}, not "fro", "mse" or "l2_per_sample"'
        )
    same_shape(student, teacher)
    with torch.autocast(student.device.type, enabled=False):
        student, teacher = student_and_teacher(student, teacher)
        squares = (student - teacher).square()
        if form == 'mse':
            return squares.mean()
        if form == 'fro':
            return (squares.sum() + UNDER_ROOT).sqrt()
        return (squares.sum(1) + UNDER_ROOT).sqrt().mean()
