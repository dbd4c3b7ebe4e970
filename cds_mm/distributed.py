"""Several ranks: what they share, and gathering with its gradient."""

import torch
import torch.distributed as dist
from mmengine.model import is_model_wrapper
from torch import Tensor, nn


def world_size() -> int:
    """Number of ranks; 1 where nothing is distributed."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_world_size()
    return 1


def rank() -> int:
    """This process' rank; 0 where nothing is distributed."""
    return dist.get_rank() if world_size() > 1 else 0


def unwrapped(model: nn.Module) -> nn.Module:
    """The model itself, where a wrapper may stand around it."""
    return model.module if is_model_wrapper(model) else model


def gather_counts(count: int, device: torch.device) -> list[int]:
    """How many rows each rank holds, in the order of ranks."""
    if world_size() == 1:
        return [count]
    mine = torch.tensor([count], device=device)
    counts = [torch.empty_like(mine) for _ in range(world_size())]
    dist.all_gather(counts, mine)
    return torch.cat(counts).tolist()


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
        # Ranks may hold different numbers of rows, but gloo aborts the
        # process unless all tensors of a gather have one size: pad to it.
        padded = rows.new_zeros(max(counts), *rows.shape[1:])
        padded[: rows.size(0)] = rows
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        return torch.cat(
            [part[:n] for part, n in zip(parts, counts, strict=True)]
        )

    @staticmethod
    def backward(ctx, grad):
        grad = grad.contiguous().clone()
        dist.all_reduce(grad)
        return grad.split(ctx.counts)[dist.get_rank()], None
