"""Cross entropy over the rows whose class is known."""

import torch.nn.functional as F
from torch import Tensor

from cds_mm.distributed import mean_over_ranks, world_size
from cds_mm.precision import at_least_float32


def labelled_count(labels: Tensor) -> Tensor:
    """How many rows a rank has labelled, on the mean over all ranks.

    Args:
        labels: (N,) int64, -1 where the class is not known.

    Returns:
        Tensor: a float scalar, never 0; one exchange between the ranks.
    """
    labelled = mean_over_ranks((labels >= 0).sum().float())
    return labelled.clamp(min=1 / world_size())


def labelled_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    label_smoothing: float = 0.0,
    count: Tensor | None = None,
) -> Tensor:
    """Mean cross entropy over the labelled rows of all ranks.

    Args:
        logits: (N, K), of any float type; computed in at least fp32.
        labels: (N,) int64, -1 where the class is not known.
        label_smoothing: share of each target spread over all classes.
        count: :func:`labelled_count` of the labels, where the caller has it.

    Returns:
        Tensor: a scalar; without any label a zero that keeps the graph.
    """
    # Summed and divided here: the mean of no labelled row is 0 and not NaN,
    # DistributedDataParallel gets the gradient that it waits for, and the
    # mean is that over the labelled rows of all ranks.
    total = F.cross_entropy(
        at_least_float32(logits),
        labels,
        ignore_index=-1,
        reduction='sum',
        label_smoothing=label_smoothing,
    )
    return total / (labelled_count(labels) if count is None else count)
