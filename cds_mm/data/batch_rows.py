"""Changing some images of a batch, in place."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

# Images of more values than this are changed one by one on a CPU: what does
# not fit its cache is slower to gather and to put back than to change.
_GATHERED = 2**14


def change_rows(
    images: Tensor,
    rows: np.ndarray,
    change: Callable[..., Tensor],
    values: np.ndarray | None = None,
) -> Tensor:
    """Apply a change to some images of a batch, in place.

    Args:
        images: (B, C, H, W).
        rows: (n,) int, which of them.
        change: takes images (n, C, H, W), which it changes and returns, and,
            if there are any, values (n, 1, 1, 1).
        values: (n,) float, one for each of the rows, or None.

    Returns:
        Tensor: the batch.
    """
    given = []
    if values is not None:
        factors = torch.from_numpy(values).to(images)
        given = [factors[:, None, None, None]]
    if not images.is_cuda and images[0].numel() > _GATHERED:
        for number, row in enumerate(rows.tolist()):
            own = (value[number : number + 1] for value in given)
            change(images[row : row + 1], *own)
    elif len(rows):
        places = torch.from_numpy(rows).to(images.device)
        changed = change(images.index_select(0, places), *given)
        images.index_copy_(0, places, changed)
    return images
