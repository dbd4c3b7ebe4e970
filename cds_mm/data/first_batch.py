"""A batch of a loader that leaves the loader as it was."""

import contextlib
import traceback
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from cds_mm.data.labels import built_steps, leaf_datasets
from cds_mm.data.skips import SkipCount
from cds_mm.errors import UserError
from cds_mm.outcome import one_line, user_message


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
        with _failing_step_named(self.loader.dataset):
            yield self.loader.collate_fn(self._samples(indices))

    def _samples(self, indices):
        dataset = self.loader.dataset
        if hasattr(dataset, '__getitems__'):
            return dataset.__getitems__(indices)
        return [dataset[index] for index in indices]


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


@contextlib.contextmanager
def _failing_step_named(dataset) -> Iterator[None]:
    """Say which step of a pipeline cannot take what it is given.

    Faults of files have a line of their own.
    """
    try:
        yield
    except Exception as error:
        if user_message(error):
            raise
        steps = {
            id(step): number
            for leaf in leaf_datasets(dataset)
            for number, step in enumerate(built_steps(leaf))
        }
        for frame, _ in traceback.walk_tb(error.__traceback__):
            step = frame.f_locals.get('self')
            if id(step) in steps:
                said = one_line(error) or type(error).__name__
                raise UserError(
                    f'train_dataloader: step {steps[id(step)]} of its '
                    f'pipeline, {type(step).__name__}, fails '
                    f'({type(error).__name__}: {said}); fix its settings '
                    '(CDS_MM_DEBUG=1 shows where)'
                ) from error
        raise


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
