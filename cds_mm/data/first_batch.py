"""A batch of a loader that leaves the loader as it was."""

import contextlib
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from cds_mm.data.labels import built_steps, leaf_datasets
from cds_mm.data.skips import SkipCount


class _OneBatch(IterableDataset):
    """The first batch, drawn and collated where this is iterated."""

    def __init__(self, loader: DataLoader, count: int | None):
        self.loader = loader
        self.count = count

    def __iter__(self):
        indices = next(iter(self.loader.batch_sampler or ()), None)
        if indices is None:
            return
        indices = [*indices]
        if self.count and len(indices) > self.count:
            # The ends: samplers put what belongs together side by side.
            step = (len(indices) - 1) / (self.count - 1)
            indices = [indices[round(i * step)] for i in range(self.count)]
        dataset = self.loader.dataset
        if hasattr(dataset, '__getitems__'):
            samples = dataset.__getitems__(indices)
        else:
            samples = [dataset[index] for index in indices]
        yield self.loader.collate_fn(samples)


def first_batch(loader: DataLoader, count: int | None = None) -> Any:
    """Load the first batch in a process of its own.

    Samplers, data sets with a memory and generators are left as they are in
    this process and for the workers of the loader.

    Args:
        loader: with a batch sampler, as MMEngine builds it.
        count: take so many samples of the batch; None for all of them.

    Returns:
        what the loader would give; None where it has no batch.

    Raises:
        UserError: a sample cannot be read.
    """
    once = DataLoader(
        _OneBatch(loader, count),
        batch_size=None,
        num_workers=1,
        collate_fn=_as_it_is,
        multiprocessing_context=loader.multiprocessing_context,
        worker_init_fn=loader.worker_init_fn,
    )
    with _counts_kept(loader.dataset):
        return next(iter(once), None)


def _as_it_is(batch):
    return batch


@contextlib.contextmanager
def _counts_kept(dataset) -> Iterator[None]:
    """Skipped files are counted in memory that all processes share."""
    with contextlib.ExitStack() as stack:
        for leaf in leaf_datasets(dataset):
            for step in built_steps(leaf):
                skips = getattr(step, 'skips', None)
                if isinstance(skips, SkipCount):
                    stack.enter_context(skips.unchanged())
        yield
