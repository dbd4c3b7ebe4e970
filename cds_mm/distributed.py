"""Several ranks: what they share, and gathering with its gradient."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from cds_mm.compat import all_gather_equal, reduce_scatter_equal


def world_size() -> int:
    """Number of ranks; 1 where nothing is distributed."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_world_size()
    return 1


def rank() -> int:
    """This process' rank; 0 where nothing is distributed."""
    return dist.get_rank() if world_size() > 1 else 0


def unwrapped(model: nn.Module) -> Any:
    """The model itself, where a wrapper may stand around it.

    What attributes it has depends on its class, which its wrapper hides.
    """
    # Here: the losses import this module, and need no MMEngine.
    from mmengine.model import is_model_wrapper

    return model.module if is_model_wrapper(model) else model


def backbone_holder(model: nn.Module) -> tuple[Any, str] | None:
    """The part of a model that has the backbone, and its key in a config.

    Semi-supervised wrappers train a student, trackers a detector; in the
    config both stand under ``model.detector``.

    Args:
        model: wrapped or not.

    Returns:
        tuple | None: the part and the key of its backbone; none without one.
    """
    model = unwrapped(model)
    if hasattr(model, 'backbone'):
        return model, 'model.backbone'
    for name in ('student', 'detector'):
        part = getattr(model, name, None)
        if part is not None and hasattr(part, 'backbone'):
            return part, 'model.detector.backbone'
    return None


def gather_counts(count: int, device: torch.device) -> list[int]:
    """How many rows each rank holds, in the order of ranks."""
    if world_size() == 1:
        return [count]
    mine = torch.tensor([count], device=device)
    counts = mine.new_empty(world_size())
    all_gather_equal(counts, mine)
    return counts.tolist()


def mean_over_ranks(value: Tensor) -> Tensor:
    """The mean of a scalar over all ranks, without a gradient.

    A sum of this rank divided by such a mean of the counts has, under the
    averaging of DistributedDataParallel, the gradient of the mean over
    everything that all ranks hold, however unevenly they hold it.
    """
    value = value.detach()
    if world_size() > 1:
        value = value.clone()
        dist.all_reduce(value)
    return value / world_size()


def gather_rows(rows: Tensor, counts: list[int] | None = None) -> Tensor:
    """Concatenate the rows of all ranks, in the order of ranks.

    The backward pass sums, over all ranks, the gradient with respect to the
    rows of this one.  (The host's ``GatherLayer`` returns its own slice
    unreduced, which is 1/world_size of it.)  On one process this is the
    identity.

    Args:
        rows: (n, ...) of any dtype; n may differ from rank to rank.
        counts: n of every rank, where the caller knows it already.

    Returns:
        Tensor: (sum of n, ...).
    """
    if world_size() == 1:
        return rows
    if counts is None:
        counts = gather_counts(rows.size(0), rows.device)
    return _GatherRows.apply(rows, counts)


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows, counts):
        ctx.counts = counts
        longest = max(counts)
        sent = _padded(rows, [len(rows)], longest)
        parts = sent.new_empty(len(counts) * longest, *rows.shape[1:])
        all_gather_equal(parts, sent)
        if len(set(counts)) == 1:
            return parts
        pairs = zip(parts.split(longest), counts, strict=True)
        return torch.cat([part[:count] for part, count in pairs])

    @staticmethod
    def backward(ctx, grad):
        # A rank needs the sum of its own rows alone: half the traffic of an
        # all_reduce, and no copy of the whole where the counts are equal.
        longest = max(ctx.counts)
        sent = _padded(grad, ctx.counts, longest)
        own = sent.new_empty(longest, *grad.shape[1:])
        reduce_scatter_equal(own, sent)
        return own[: ctx.counts[dist.get_rank()]], None


def _padded(rows, counts, longest):
    """Put zeros after each part of the rows, up to the longest of all ranks.

    Ranks may hold different numbers of rows, but a collective wants tensors
    of one size; gloo aborts the process otherwise.
    """
    if all(count == longest for count in counts):
        return rows.contiguous()
    padded = rows.new_zeros(len(counts), longest, *rows.shape[1:])
    for place, part in zip(padded, rows.split(counts), strict=True):
        place[: len(part)] = part
    return padded.flatten(0, 1)
