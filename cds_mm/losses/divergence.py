"""Softened divergence of two classifiers (KD, SSKD, DKS, DHM, ONE)."""

import torch
from torch import Tensor

from cds_mm.precision import at_least_float32


def softened_divergence(
    target: Tensor,
    logits: Tensor,
    temperature: float = 1.0,
    smoothing: float = 0.0,
) -> Tensor:
    """T^2 KL(softmax(target / T) || softmax(logits / T)), mean over rows.

    No gradient reaches ``target``.  The factor T^2 keeps the gradient's size
    when T changes (Hinton et al., 2015); the released code of DHM has it, the
    one of DKS has T = 1.

    Args:
        target: (N, K) logits that are believed.
        logits: (N, K) logits that are to follow.
        temperature: T.
        smoothing: added to both sides' probabilities, which are then divided
            by 1 + K * smoothing (1e-8 in the released code of DKS and DHM).

    Returns:
        Tensor: a scalar, computed in at least fp32.
    """
    believed = _log_probabilities(target.detach(), temperature, smoothing)
    followed = _log_probabilities(logits, temperature, smoothing)
    rows = (believed.exp() * (believed - followed)).sum(1)
    return temperature**2 * rows.mean()


def softened_cross_entropy(
    target: Tensor, logits: Tensor, temperature: float = 1.0
) -> Tensor:
    """-sum softmax(target / T) log softmax(logits / T), mean over rows.

    The divergence without T^2 plus the entropy of the target: the form in the
    released code of distilled CDS.  No gradient reaches ``target``.

    Args:
        target: (N, K) logits that are believed.
        logits: (N, K) logits that are to follow.
        temperature: T.

    Returns:
        Tensor: a scalar, computed in at least fp32.
    """
    believed = _log_probabilities(target.detach(), temperature, 0.0)
    followed = _log_probabilities(logits, temperature, 0.0)
    return -(believed.exp() * followed).sum(1).mean()


def _log_probabilities(logits, temperature, smoothing):
    logs = torch.log_softmax(at_least_float32(logits) / temperature, 1)
    if not smoothing:
        return logs
    return torch.log((logs.exp() + smoothing) / (1 + logs.size(1) * smoothing))
