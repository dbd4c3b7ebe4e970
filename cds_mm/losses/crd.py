"""The parts of contrastive representation distillation (CRD).

Tian et al., "Contrastive Representation Distillation", ICLR 2020, as in its
released code (RepDistiller).  One step of a side, n images in a bank of n
rows, Z taken on the first batch of all and kept:

    negatives = sample_negatives(all_labels, labels, K, generator)
    rows = cat([sample_idx[:, None], negatives.indices], 1)
    raw = bank_scores(bank_of_the_other_side, rows, embeddings)
    Z = Z or n * raw.detach().mean()
    loss = nce_loss(raw / Z, 1 / n, K)
    momentum_update(bank_of_this_side, sample_idx, embeddings)

The paper writes the noise-contrastive loss with a critic h in [0, 1] and no
constant; the code adds 1e-7, which is 13 % of 1 / n on ImageNet.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from cds_mm.losses.normalize import unit_rows
from cds_mm.precision import at_least_float32


class Negatives(NamedTuple):
    """What :func:`sample_negatives` drew.

    Attributes:
        indices: (B, K) int64 rows of the bank.
        candidates: (B,) int64, images of other classes that each row of
            ``indices`` was drawn from.  Fewer than K of them were drawn with
            replacement.
    """

    indices: Tensor
    candidates: Tensor


def sample_negatives(
    all_labels: Tensor,
    labels: Tensor,
    num_negatives: int,
    generator: torch.Generator,
    chunk: int = 16,
) -> Negatives:
    """Draw images of other classes for each image, independently.

    Without replacement where there are enough of them, as RepDistiller does
    on CIFAR.  Memory: ``chunk`` * n floats, a few times.

    Args:
        all_labels: (n,) int64 class of each row of the bank.
        labels: (B,) int64 class of each image of the batch.
        num_negatives: K.
        generator: on the device of the tensors.
        chunk: images at a time.

    Raises:
        ValueError: there is no image of another class.
    """
    parts = [
        _draw(all_labels != some.unsqueeze(1), num_negatives, generator)
        for some in labels.split(chunk)
    ]
    return Negatives(*(torch.cat(part) for part in zip(*parts, strict=True)))


def bank_scores(
    bank: Tensor,
    indices: Tensor,
    embeddings: Tensor,
    temperature: float = 0.07,
    chunk: int = 1024,
) -> Tensor:
    """``exp(bank[indices] . embeddings / temperature)``, not yet over Z.

    The gathered rows, B * (K+1) * D, are never all alive: ``chunk`` columns
    at a time are gathered, and again in the backward pass.  That reads a copy
    of the bank (n * D) taken here, so the bank may be updated before it.

    Args:
        bank: (n, D) of any floating dtype; no gradient reaches it.
        indices: (B, K+1) int64.
        embeddings: (B, D) unit rows; the only ones with a gradient.
        temperature: tau; 1 / tau bounds the exponent.
        chunk: columns at a time.

    Returns:
        Tensor: (B, K+1) float32 (float64 for float64 embeddings).
    """
    bank = bank.detach()
    if torch.is_grad_enabled() and embeddings.requires_grad:
        bank = bank.clone()
    with torch.autocast(embeddings.device.type, enabled=False):
        directions = at_least_float32(embeddings) / temperature
        parts = [
            checkpoint(
                _scores,
                bank,
                some,
                directions,
                use_reentrant=False,
                preserve_rng_state=False,
            )
            for some in indices.split(chunk, dim=1)
        ]
        return torch.cat(parts, 1)


def nce_loss(
    scores: Tensor,
    negatives_probability: float,
    num_negatives: int,
    eps: float = 1e-7,
) -> Tensor:
    """Noise-contrastive loss, a sum over the negatives.

    With o the scores and ``c = num_negatives * negatives_probability``, the
    mean over B of ``-ln(o_0 / (o_0 + c + eps)) - sum_{j>=1} ln(c / (o_j + c
    + eps))``.

    Args:
        scores: (B, K+1) over Z, at least 0, the positive in column 0.
        negatives_probability: P_n, 1 / n in the released code.
        num_negatives: m, which is K in the released code.
        eps: 1e-7 in the released code, absent from the paper.

    Returns:
        Tensor: scalar float32 (float64 for float64 input).
    """
    with torch.autocast(scores.device.type, enabled=False):
        scores = at_least_float32(scores)
        noise = num_negatives * negatives_probability
        # As logarithms of 1 + x: quotients this close to 1 are rounded, and
        # in fp32 K = 16384 of these roundings may add up to 5e-4.
        negatives = ((scores[:, 1:] + eps) / noise).log1p().sum(1)
        own = scores[:, 0].clamp(min=torch.finfo(scores.dtype).tiny)
        positive = (own + noise + eps).log() - own.log()
        return (positive + negatives).mean()


@torch.no_grad()
def momentum_update(
    bank: Tensor, indices: Tensor, embeddings: Tensor, momentum: float = 0.5
) -> None:
    """Move rows of a bank towards new embeddings, in place.

    ``bank[y] = normalise(momentum * bank[y] + (1 - momentum) * embedding)``.
    An image that occurs several times, as in a padded last batch, moves once,
    by its first occurrence, so that ranks with the same batch stay equal.

    Args:
        bank: (n, D) of any floating dtype.
        indices: (B,) int64 rows y.
        embeddings: (B, D) unit rows.
        momentum: share of the old row.
    """
    place = torch.arange(len(indices), device=indices.device)
    rows, inverse = indices.unique(return_inverse=True)
    first = torch.full_like(rows, len(indices))
    first = first.scatter_reduce(0, inverse, place, 'amin')
    old, new = at_least_float32(bank[rows]), embeddings[first]
    moved = unit_rows(momentum * old + (1 - momentum) * new)
    bank.index_copy_(0, rows, moved.to(bank.dtype))


def _draw(other, num_negatives, generator):
    candidates = other.sum(1)
    weights = other.float()
    fewest = int(candidates.min())
    if fewest == 0:
        raise ValueError('there is no image of another class to draw')
    if fewest >= num_negatives:
        return (
            weights.multinomial(num_negatives, generator=generator),
            candidates,
        )
    indices = weights.multinomial(num_negatives, True, generator=generator)
    enough = candidates >= num_negatives
    if enough.any():
        indices[enough] = weights[enough].multinomial(
            num_negatives, generator=generator
        )
    return indices, candidates


def _scores(bank, indices, directions):
    rows = bank[indices].to(directions.dtype)
    return (rows @ directions.unsqueeze(2)).squeeze(2).exp()
