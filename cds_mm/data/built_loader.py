"""What is asked of a loader that the host has built."""

from collections.abc import Iterable, Iterator

from torch.utils.data import BatchSampler, DataLoader

from cds_mm.data.crop import AntialiasedResizedCrop
from cds_mm.data.labels import built_steps, leaf_datasets
from cds_mm.errors import UserError

# Of MMEngine and MMDetection: they draw on for ever.
ENDLESS = ('InfiniteSampler', 'GroupMultiSourceSampler', 'MultiSourceSampler')


def never_ends(sampler: Iterable) -> bool:
    """Whether a sampler needs a loop that counts iterations."""
    names = {kind.__name__ for kind in type(sampler).__mro__}
    return hasattr(sampler, 'skip') or not names.isdisjoint(ENDLESS)


def drawing_sampler(loader: DataLoader) -> Iterable:
    """The sampler that draws; under a batch sampler it is that one's own.

    MMDetection's configs all have a batch sampler, and ``loader.sampler`` is
    then a sequential one of PyTorch's, which nothing draws from.
    """
    return getattr(loader.batch_sampler, 'sampler', loader.sampler)


def can_skip(loader: DataLoader) -> bool:
    """Whether MMEngine goes on in the middle of a pass, as it decides it."""
    # Another kind of batch sampler may take any number of samples for a batch.
    plain = type(loader.batch_sampler) is BatchSampler
    drawing = drawing_sampler(loader) if plain else loader.sampler
    return hasattr(drawing, 'skip')


def check_batch_size(loader: DataLoader) -> None:
    """Check that a sampler that builds batches builds those of the loader.

    Raises:
        UserError: they are of different sizes.
    """
    expected = getattr(loader.sampler, 'batch_size', loader.batch_size)
    if loader.batch_size is not None and expected != loader.batch_size:
        raise UserError(
            f'train_dataloader: batch_size={loader.batch_size}, but its '
            f'sampler builds batches of {expected}; set both to the same'
        )


def enlarged_crops(dataset) -> Iterator[str]:
    """What is to be said of files that are decoded too small for their crops.

    Args:
        dataset: of a loader, wrapped or not.
    """
    for leaf in leaf_datasets(dataset):
        steps = [*_all_steps(built_steps(leaf))]
        needed = max(
            (
                step.enough_pixels()
                for step in steps
                if isinstance(step, AntialiasedResizedCrop)
            ),
            default=0,
        )
        for step in steps:
            kept = getattr(step, 'keep_pixels', None)
            if kept and kept < needed:
                yield (
                    f'{type(leaf).__name__}: large files are decoded to '
                    f'keep_pixels={kept} or more, and the smallest crops need '
                    f'{needed}, or they are enlarged; set keep_pixels='
                    f'{needed} in {type(step).__name__}, the first step of '
                    'train_dataloader.dataset.pipeline'
                )


def _all_steps(steps) -> Iterator:
    for step in steps:
        yield step
        inner = getattr(step, 'transforms', None)
        yield from _all_steps(inner if isinstance(inner, list) else [])
