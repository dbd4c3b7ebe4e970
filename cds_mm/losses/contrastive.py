"""The supervised contrastive loss, mask-free.

With unit rows z, temperature t, positives P_i of anchor i and S_c the sum of
the rows of class c, the loss of one anchor,

    -1/|P_i| sum_{p in P_i} [ z_i.z_p / t - log sum_{k != i} exp(z_i.z_k/t) ],

is ``logsumexp_{k != i}(z_i.z_k / t) - z_i.(S_{y_i} - z_i) / (|P_i| t)``: the
positives need no N x N mask, only the log-sum-exp is N x N (Khosla et al.,
"Supervised Contrastive Learning", 2020, eq. 2; used on each stage by Zhang
et al., "Contrastive Deep Supervision", ECCV 2022).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cds_mm.distributed import gather_counts, gather_rows, rank, world_size
from cds_mm.losses.normalize import at_least_float32


class AnchorCounts(NamedTuple):
    """How many anchors there are, and how many lack what.

    Each is a scalar float tensor, over this rank's anchors.
    """

    anchors: Tensor
    without_positive: Tensor
    without_partner: Tensor


def contrastive_loss(
    z: Tensor,
    ids: Tensor,
    temperature: float = 0.07,
    base_temperature: float | None = None,
    gather: bool = False,
) -> Tensor:
    """Mean of the supervised contrastive loss over anchors with a positive.

    Rows with equal ids are positives.  Labels as ids give the supervised
    loss, one id per image the self-supervised one (NT-Xent).  Computed in
    float32 under any autocast; finite, with bounded gradient, for every
    finite ``z``.  Anchors with no positive are left out of the mean; with
    none at all the loss is a zero that keeps the graph.

    Args:
        z: (V*B, D), view-major, L2-normalised.
        ids: (B,) int64.
        temperature: t above.
        base_temperature: the loss is multiplied by ``temperature /
            base_temperature``; None means equal to ``temperature``.
        gather: take positives and negatives from all ranks.  The released
            code does not; it contrasts within each GPU.  The value is then
            scaled so that the mean of the ranks' gradients, which is what
            DistributedDataParallel takes, is the gradient of the mean over
            all anchors of all ranks, however unevenly they are spread.

    Returns:
        Tensor: scalar float32 (float64 for float64 input).
    """
    num_views = _num_views(z, ids)
    with torch.autocast(z.device.type, enabled=False):
        z = at_least_float32(z)
        ids = ids.repeat(num_views)
        pool = _Pool.of_all_ranks(z, ids) if gather else _Pool(z, ids, 0)
        per_anchor, positives = _per_anchor(z, pool, temperature)
        valid = (positives > 0).to(z.dtype)
        total = per_anchor.mul(valid).sum()
        if gather:
            # Each rank's sum over the global count, times the ranks whose
            # mean the gradient will be.
            count = _sum_over_ranks(valid.sum()) / world_size()
        else:
            count = valid.sum()
        scale = temperature / (base_temperature or temperature)
        return scale * total / count.clamp(min=1.0 / world_size())


def poster_contrastive_loss(
    z: Tensor, ids: Tensor, reduction: str = 'mean'
) -> Tensor:
    """The formula as printed on the poster of CDS, a documented variant.

    Its temperature stands outside the exponent and so cancels: the value is
    ``-sum_{i<=N} [ z_i.z_{i+N} - log sum_{k != i} exp(z_i.z_k) ]`` over the
    N anchors of the first view, the positive being the other view alone.
    The released code computes :func:`contrastive_loss` instead.

    Args:
        z: (2*B, D), view-major, L2-normalised.
        ids: (B,), read for its length only.
        reduction: 'sum' as printed, or 'mean' over the B anchors, which is
            what a weight of 0.1 goes with: the collapsed sum at B = 128 is
            709, the mean 5.5.

    Returns:
        Tensor: scalar float32 (float64 for float64 input).
    """
    if _num_views(z, ids) != 2:
        raise ValueError('the poster formula is defined for two views')
    if reduction not in ('sum', 'mean'):
        raise ValueError(f'reduction is {reduction!r}, not "sum" or "mean"')
    with torch.autocast(z.device.type, enabled=False):
        z = at_least_float32(z)
        first, second = z.chunk(2)
        similarity = _without_self(first @ z.T, offset=0)
        per_anchor = similarity.logsumexp(1) - (first * second).sum(1)
        return getattr(per_anchor, reduction)()


def anchor_counts(
    ids: Tensor, num_views: int, gather: bool = False
) -> AnchorCounts:
    """Count anchors that the loss leaves out or that it hardly teaches.

    Args:
        ids: (B,) int64.
        num_views: V.
        gather: as in :func:`contrastive_loss`.

    Returns:
        AnchorCounts: ``without_positive``: no other row has the id, so the
        anchor is left out; ``without_partner``: no other *image* has it, so
        the only positives are the anchor's own other views.
    """
    everyone = gather_rows(ids) if gather else ids
    same = _ids_among(ids, everyone)
    alone = (same == 1).float().sum() * num_views
    no_positive = alone if num_views == 1 else torch.zeros_like(alone)
    anchors = torch.full_like(alone, float(len(ids) * num_views))
    return AnchorCounts(anchors, no_positive, alone)


class _Pool(NamedTuple):
    """The rows that anchors are compared with.

    ``z`` (M, D), ``ids`` (M,), and ``offset``, where the anchors' own rows
    begin in it.
    """

    z: Tensor
    ids: Tensor
    offset: int

    @classmethod
    def of_all_ranks(cls, z, ids):
        counts = gather_counts(len(z), z.device)
        offset = sum(counts[: rank()])
        return cls(gather_rows(z, counts), gather_rows(ids, counts), offset)


def _per_anchor(z, pool, temperature):
    """Loss (n,) and number of positives (n,) of each of the n anchors."""
    similarity = _without_self(z @ pool.z.T / temperature, pool.offset)
    if similarity.size(1) == 1:
        # A batch of one with one view: nothing to compare with.
        return z.sum(1) * 0, z.new_zeros(len(z))
    classes, slot = pool.ids.unique(return_inverse=True)
    sums = pool.z.new_zeros(len(classes), z.size(1))
    sums = sums.index_add(0, slot, pool.z)
    own = slot[pool.offset : pool.offset + len(z)]
    positives = torch.bincount(slot, minlength=len(classes))[own].to(z) - 1
    attraction = (z * (sums[own] - z)).sum(1)
    attraction = attraction / (positives.clamp(min=1) * temperature)
    return similarity.logsumexp(1) - attraction, positives


def _without_self(similarity, offset):
    """Take each anchor out of its own row, where it would be similarity 1."""
    anchor = torch.arange(len(similarity), device=similarity.device)
    infinity = similarity.new_full((), -torch.inf)
    return similarity.index_put((anchor, anchor + offset), infinity)


def _ids_among(ids, everyone):
    """How often each of ``ids`` occurs in ``everyone``."""
    classes, counts = everyone.unique(return_counts=True)
    return counts[torch.searchsorted(classes, ids)]


def _num_views(z, ids):
    if z.dim() != 2 or ids.dim() != 1 or len(z) % max(len(ids), 1):
        raise ValueError(
            'z is (V*B, D) and ids (B,), but they are '
            f'{tuple(z.shape)} and {tuple(ids.shape)}'
        )
    return len(z) // len(ids)


def _sum_over_ranks(count):
    return gather_rows(count.detach().reshape(1)).sum()
