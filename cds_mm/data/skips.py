"""What the loaders of this project do with files that cannot be read."""

import contextlib
from collections.abc import Iterator

import torch
from torch.utils.data import get_worker_info

# One slot for the main process and one for each worker.
_SLOTS = 1024


class SkipCount:
    """Counts skipped files over the processes of a data loader.

    Made before the workers start, which share its memory then.
    """

    def __init__(self) -> None:
        # Each process adds to its own slot only: no lock, no lost count.
        self._counts = torch.zeros(_SLOTS, dtype=torch.int64).share_memory_()

    def add(self) -> None:
        """Count one more file."""
        worker = get_worker_info()
        slot = worker.id + 1 if worker else 0
        self._counts[slot % _SLOTS] += 1

    def total(self) -> int:
        """Files skipped so far, by all processes."""
        return int(self._counts.sum())

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Forget what is counted within the block, by any process."""
        before = self._counts.clone()
        try:
            yield
        finally:
            self._counts.copy_(before)
