"""Correlation congruence (CC): compare the correlations within a batch.

Peng et al., "Correlation Congruence for Knowledge Distillation", ICCV 2019.
"""

import math

import torch
from torch import Tensor

from cds_mm.losses.normalize import same_shape, unit_rows
from cds_mm.precision import at_least_float32

MODES = ('rd', 'gaussian', 'bilinear')


def correlation_congruence_loss(
    student: Tensor,
    teacher: Tensor,
    mode: str = 'rd',
    gamma: float = 0.4,
    order: int = 2,
    squared: bool = True,
) -> Tensor:
    """Distance between the correlations of two sets of embeddings.

    The paper and the code that its authors gave to RepDistiller differ:

    * 'rd', the code: with ``d = |student - teacher|`` the mean over
      neighbours b, b+1 of the batch of ``d_b . d_{b+1}``.  It depends on the
      order of the batch;
    * 'gaussian' and 'bilinear', the paper: ``|K(student) - K(teacher)|_F^2 /
      B^2``, K the matrix of :func:`gaussian_kernel` or of dot products of the
      rows as they are.  The rows may differ in width.

    Args:
        student: (B, D) embeddings of any floating dtype, not normalised.
        teacher: (B, D) embeddings.  **Gradient reaches them**: the layer
            that embeds the teacher's features is trained along, and it is
            the features that the caller detaches.
        mode: 'rd', 'gaussian' or 'bilinear'.
        gamma: of the Gaussian kernel.
        order: of its Taylor series.
        squared: of the paper's modes; False takes ``|.|_F / B^2`` as
            torchdistill does.

    Returns:
        Tensor: scalar float32 (float64 for float64 input); in 'rd' a zero
        that keeps the graph for one row.
    """
    if mode not in MODES:
        raise ValueError(f'mode is {mode!r}, not one of {", ".join(MODES)}')
    if len(student) != len(teacher) or mode == 'rd':
        same_shape(student, teacher)
    with torch.autocast(student.device.type, enabled=False):
        sides = at_least_float32(student), at_least_float32(teacher)
        if mode == 'rd':
            return _neighbour_products(*sides)
        kernels = [_kernel(rows, mode, gamma, order) for rows in sides]
        return _mean_distance(kernels[0] - kernels[1], squared)


def gaussian_kernel(rows: Tensor, gamma: float, order: int) -> Tensor:
    """``exp(-gamma |x - y|^2)`` of unit rows, as a Taylor series.

    ``exp(-2 gamma) sum_{p <= order} (2 gamma)^p (x . y)^p / p!``, as in
    the paper.  (torchdistill takes the rows as they are, for which the
    series is not that of a Gaussian.)

    Args:
        rows: (B, D) of any length; they are normalised here.
        gamma: inverse width.
        order: last power of the series.

    Returns:
        Tensor: (B, B).
    """
    rows = unit_rows(rows)
    exponent = 2 * gamma * rows @ rows.T
    terms = (exponent**p / math.factorial(p) for p in range(order + 1))
    return math.exp(-2 * gamma) * sum(terms, exponent.new_zeros(()))


def _neighbour_products(student, teacher):
    apart = (student - teacher).abs()
    products = (apart[:-1] * apart[1:]).sum()
    if len(apart) < 2:
        return apart.sum() * 0
    return products / (len(apart) - 1)


def _kernel(rows, mode, gamma, order):
    if mode == 'gaussian':
        return gaussian_kernel(rows, gamma, order)
    return rows @ rows.T


def _mean_distance(difference, squared):
    if squared:
        return difference.square().mean()
    # Of all roots this one has the gradient 0 where the kernels agree.
    return torch.linalg.vector_norm(difference) / len(difference) ** 2
