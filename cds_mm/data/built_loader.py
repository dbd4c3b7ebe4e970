"""What is asked of a loader that the host has built."""

from collections.abc import Iterable

from torch.utils.data import BatchSampler, DataLoader

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
