"""The supervised contrastive loss, mask-free.

With unit rows z, temperature t, positives P_i of anchor i and S_c the sum of
the rows of class c, the loss of one anchor,

    -1/|P_i| sum_{p in P_i} [ z_i.z_p / t - log sum_{k != i} exp(z_i.z_k/t) ],

is ``logsumexp_{k != i}(z_i.z_k / t) - z_i.(S_{y_i} - z_i) / (|P_i| t)``: the
positives need no N x N mask, and the log-sum-exp is taken tile by tile
(:mod:`cds_mm.losses.log_sum_exp`): the memory is linear in N, value and
gradient are exact (Khosla et al., "Supervised Contrastive Learning", 2020,
eq. 2; used on each stage by Zhang et al., "Contrastive Deep Supervision",
ECCV 2022).
"""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from cds_mm.arguments import Positive, checked
from cds_mm.distributed import (
    gather_counts,
    gather_rows,
    mean_over_ranks,
    rank,
    world_size,
)
from cds_mm.losses.log_sum_exp import sum_of_log_sum_exp, with_gradient
from cds_mm.precision import at_least_float32


class Relations(NamedTuple):
    """Who is whose positive, which all branches of a step share.

    With n anchors (the rows of this rank) in a pool of M rows:

    Attributes:
        slot: (M,) int64, the class of each row of the pool, from 0 on.
        num_classes: how many classes the pool holds.
        offset: where the anchors' own rows begin in the pool.
        positives: (n,) float32, how many positives each anchor has.
        num_views: V.
        anchors: scalar float32, anchors with a positive; with ``gather`` the
            mean of it over the ranks.
        rows: rows of every rank where the pool is that of all ranks, or None.
    """

    slot: Tensor
    num_classes: int
    offset: int
    positives: Tensor
    num_views: int
    anchors: Tensor
    rows: list[int] | None

    @property
    def without_positive(self) -> Tensor:
        """Share of the anchors that no row is a positive of; float32."""
        return (self.positives == 0).float().mean()

    @property
    def without_partner(self) -> Tensor:
        """Share of the anchors whose class no other *image* has; float32."""
        return (self.positives < self.num_views).float().mean()


def relate(ids: Tensor, num_views: int, gather: bool = False) -> Relations:
    """Find the positives of each anchor.

    Args:
        ids: (B,) int64; rows with equal ids are positives.
        num_views: V.
        gather: look among the rows of all ranks.

    Returns:
        Relations: for the V*B rows of this rank, view-major.
    """
    ids = ids.repeat(num_views)
    rows, offset, pool = None, 0, ids
    if gather and world_size() > 1:
        rows = gather_counts(len(ids), ids.device)
        offset, pool = sum(rows[: rank()]), gather_rows(ids, rows)
    classes, slot, counts = pool.unique(
        return_inverse=True, return_counts=True
    )
    own = slot[offset : offset + len(ids)]
    positives = counts[own].float() - 1
    anchors = (positives > 0).float().sum()
    if rows:
        anchors = mean_over_ranks(anchors)
    return Relations(
        slot, len(classes), offset, positives, num_views, anchors, rows
    )


@checked
def contrastive_loss(
    z: Tensor,
    ids: Tensor,
    temperature: Positive = 0.07,
    base_temperature: Positive | None = None,
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
    relations = relate(ids, _num_views(z, ids), gather)
    return related_contrastive_loss(
        z, relations, temperature, base_temperature
    )


def related_contrastive_loss(
    z: Tensor,
    relations: Relations,
    temperature: float = 0.07,
    base_temperature: float | None = None,
) -> Tensor:
    """:func:`contrastive_loss` with the positives already found."""
    with torch.autocast(z.device.type, enabled=False):
        z = at_least_float32(z)
        pool = gather_rows(z, relations.rows) if relations.rows else z
        total = _total(pool, relations, temperature)
        # With none on any rank the total is 0: divide by anything but 0.
        count = relations.anchors.clamp(min=1 / world_size())
        return temperature / (base_temperature or temperature) * total / count


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
        repulsion = partial(
            sum_of_log_sum_exp, weights=z.new_ones(len(ids)), temperature=1
        )
        total = with_gradient(repulsion, z) - (first * second).sum()
        return total if reduction == 'sum' else total / len(ids)


def _total(pool, relations, temperature):
    """Sum of the loss over the anchors that have a positive."""
    if len(pool) == 1:
        # A batch of one with one view: nothing to compare with.
        return pool.sum() * 0
    weights = (relations.positives > 0).to(pool.dtype)

    def repulsion_less_attraction(pool, gradient):
        attraction = _attraction(pool, gradient, relations, temperature)
        repulsion = sum_of_log_sum_exp(
            pool, gradient, weights, temperature, relations.offset
        )
        return repulsion - attraction

    return with_gradient(repulsion_less_attraction, pool)


def _attraction(pool, gradient, relations, temperature):
    """``sum_i s_i z_i.(S_{y_i} - z_i)`` with s_i = 1 / (|P_i| t), or 0.

    Its gradient is taken off ``gradient``: s_i (S_{y_i} - 2 z_i) at an anchor
    and, at each row of the pool, the sum of s_i z_i over its class.
    """
    own = slice(relations.offset, relations.offset + len(relations.positives))
    anchors, slot = pool[own], relations.slot[own]
    shares = 1 / (relations.positives.to(pool.dtype) * temperature)
    shares = shares.where(relations.positives > 0, 0)[:, None]
    sums = pool.new_zeros(relations.num_classes, pool.size(1))
    pulls = sums.index_add_(0, relations.slot, pool)[slot]
    pulls.sub_(anchors).mul_(shares)
    # Row by row, where a product of the matrices would be one more of them.
    value = torch.bmm(anchors[:, None], pulls[..., None]).sum()
    if gradient is not None:
        gradient[own].sub_(pulls).addcmul_(anchors, shares)
        shared = torch.mul(anchors, shares, out=pulls)
        sums.zero_().index_add_(0, slot, shared)
        del pulls, shared
        gradient -= sums[relations.slot]
    return value


def _num_views(z, ids):
    if z.dim() != 2 or ids.dim() != 1 or len(z) % max(len(ids), 1):
        raise ValueError(
            'z is (V*B, D) and ids (B,), but they are '
            f'{tuple(z.shape)} and {tuple(ids.shape)}'
        )
    return len(z) // len(ids)
