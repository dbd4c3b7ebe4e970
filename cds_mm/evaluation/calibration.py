"""How far a classifier's confidences are from its accuracy.

Definitions of METHODS M22, after Guo et al., ICML 2017 (ECE, temperature),
Naeini et al., AAAI 2015 (ECE) and Brier, 1950.  Probabilities are (N, C) in
fp32 or float64, labels (N,) integers; sums are taken in float64.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from cds_mm.errors import UserError

_INVERSE_RANGE = (1e-6, 1e6)  # of 1/T


class Reliability(NamedTuple):
    """The bins of a reliability diagram; zeros where a bin is empty.

    Attributes:
        count: (bins,) int64, predictions in each bin.
        accuracy: (bins,) float64 in 0..1.
        confidence: (bins,) float64 in 0..1, their mean.
    """

    # Hides the method of tuple, which nothing calls.
    count: Tensor  # type: ignore[assignment]
    accuracy: Tensor
    confidence: Tensor

    @property
    def error(self) -> float:
        """The expected calibration error, in 0..1."""
        gaps = (self.accuracy - self.confidence).abs()
        return ((self.count * gaps).sum() / self.count.sum()).item()


def reliability(
    probabilities: Tensor, labels: Tensor, bins: int
) -> Reliability:
    """Sort predictions by confidence into equal-width bins (lo, hi].

    Args:
        probabilities: (N, C); the confidence is the largest of a row.
        labels: (N,).
        bins: their number; a confidence of exactly 0 counts in the first.
    """
    _check(probabilities, labels)
    confidence, predicted = probabilities.max(1)
    # Edges in the precision of the scores, so that an fp32 0.6 is not above
    # a float64 0.6 and its bin does not depend on the precision.
    edges = torch.arange(1, bins, dtype=torch.float64) / bins
    edges = edges.to(probabilities)
    index = torch.bucketize(confidence, edges, right=False)
    count = torch.bincount(index, minlength=bins)

    def mean_of(values):
        sums = torch.bincount(index, values.double(), minlength=bins)
        return sums / count.clamp(min=1)

    return Reliability(
        count, mean_of(predicted == labels), mean_of(confidence)
    )


def expected_calibration_error(
    probabilities: Tensor, labels: Tensor, bins: int
) -> float:
    """Mean distance of accuracy from confidence over :func:`reliability`.

    Args:
        probabilities: (N, C).
        labels: (N,).
        bins: number of equal-width bins (lo, hi].

    Returns:
        In 0..1, not in percent.
    """
    return reliability(probabilities, labels, bins).error


def negative_log_likelihood(probabilities: Tensor, labels: Tensor) -> float:
    """Mean of -ln of the probability of the true class.

    What a softmax has rounded to 0 counts as the smallest normal number of
    its precision (87.3 in fp32), so that one image cannot hide the others.

    Args:
        probabilities: (N, C).
        labels: (N,).
    """
    _check(probabilities, labels)
    of_truth = probabilities.gather(1, labels[:, None])
    return -log_probabilities(of_truth).mean().item()


def brier_score(probabilities: Tensor, labels: Tensor) -> float:
    """Mean squared distance from the one-hot truth, summed over classes.

    Args:
        probabilities: (N, C).
        labels: (N,).

    Returns:
        In 0..2; twice that of those who average two classes.
    """
    _check(probabilities, labels)
    distance = probabilities.to(torch.float64, copy=True)
    distance[torch.arange(len(labels)), labels] -= 1
    return distance.square().sum(1).mean().item()


def log_probabilities(probabilities: Tensor) -> Tensor:
    """Finite float64 logarithms: 0 counts as the smallest normal number.

    Args:
        probabilities: of any shape, in fp32 or float64.
    """
    tiny = torch.finfo(probabilities.dtype).tiny
    return probabilities.clamp(min=tiny).double().log()


def scale_temperature(probabilities: Tensor, temperature: float) -> Tensor:
    """What softmax(logits / T) would have given.

    Log-probabilities are logits but for a constant in each row.

    Args:
        probabilities: (N, C), a softmax at T = 1.
        temperature: T; above 1 it lowers confidences.

    Returns:
        (N, C) float64.
    """
    return (log_probabilities(probabilities) / temperature).softmax(1)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T at which softmax(logits / T) has the smallest NLL.

    The NLL is convex in 1/T, and the root of its slope is found by Brent's
    method: nothing is random and there is no step size.

    Args:
        logits: (N, C), finite; a constant in a row makes no difference, so the
            logarithm of probabilities will do.
        labels: (N,).

    Raises:
        UserError: there is no best T above 0: all is predicted correctly, or
            the logits say nothing about the labels.
    """
    _check(logits, labels)
    logits = logits.double()
    margins = logits - logits.gather(1, labels[:, None])
    least, most = _INVERSE_RANGE
    if _slope(margins, least) >= 0:
        raise UserError(
            'temperature: the scores say no more about the labels than '
            'chance, so that none is best; look at the accuracy and the '
            'order of the classes'
        )
    if _slope(margins, most) <= 0:
        raise UserError(
            f'temperature: all {len(labels)} predictions are correct, so that '
            'the best one is 0; fit it on more images'
        )
    # Late: a training has no use for it.
    from scipy.optimize import brentq

    # Over the logarithm, so that the error is a relative one.
    root = brentq(
        lambda log: _slope(margins, math.exp(log)),
        math.log(least),
        math.log(most),
    )
    return math.exp(-root)


def _slope(margins, inverse):
    # Of the NLL, mean(logsumexp(margins / T)), with respect to 1/T.
    weights = (margins * inverse).softmax(1)
    return (weights * margins).sum(1).mean().item()


def _check(scores, labels):
    if scores.dtype not in (torch.float32, torch.float64):
        raise ValueError(f'scores are {scores.dtype}, not fp32 or float64')
    if scores.dim() != 2 or labels.shape != scores.shape[:1]:
        raise ValueError(
            f'scores {tuple(scores.shape)} and labels {tuple(labels.shape)}, '
            'not (N, C) and (N,)'
        )
    if not len(labels):
        raise ValueError('no scores')
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(f'labels are not in 0..{scores.shape[1] - 1}')
