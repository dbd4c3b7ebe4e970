"""The same pictures and the same dropout, resumed or not."""

import random

import numpy as np
import torch
from mmengine.dist import all_reduce, get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import BatchSampler

from cds_mm.data.labels import leaf_datasets
from cds_mm.data.seeding import SeededFetch
from cds_mm.distributed import unwrapped
from cds_mm.errors import UserError


@HOOKS.register_module()
class SampleSeedHook(Hook):
    """Make whatever is random in training a function of the run's seed.

    - Augmentation: of (seed, epoch, sample, view), with any number of
      workers, persistent or not, for any data set and pipeline, also those of
      MMDetection.  A loop by iteration has no epochs; there it is a function
      of (seed, iteration, sample, view).  After a resume such a loop sees the
      same pictures with MMEngine's InfiniteSampler.
    - The order of the samples: MMEngine builds the sampler before it reads
      the seed from the checkpoint; a sampler without a seed of its own gets
      the seed of the run here.
    - Dropout and the like: of (seed, iteration, rank).

    It also makes ``sample_idx`` unique across concatenated data sets, as
    instance ids come from it, and logs the images that ``LoadRGBImage``
    skipped as ``train/skipped_images``.
    """

    # Before DistSamplerSeedHook and before anything that draws.
    priority = 'VERY_HIGH'

    def __init__(self):
        self._fetch = None
        self._skipped = 0

    def before_train(self, runner) -> None:
        """Read the seed, which a resume may have changed, and set up."""
        loader = runner.train_dataloader
        _check_batch_size(loader)
        _seed_sampler(runner, _drawing_sampler(loader))
        _warn_of_passes(runner, loader)
        _separate_indices(loader.dataset)
        self._fetch = SeededFetch(
            loader.dataset,
            runner.seed,
            _first_batch(runner, loader),
            with_keys=_draws_on_device(runner),
        )
        loader.dataset.__getitems__ = self._fetch
        self._skipped = _skipped_images(loader.dataset)

    def before_train_epoch(self, runner) -> None:
        """Tell the data set, and workers already running, the epoch."""
        self._fetch.set_epoch(runner.epoch)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """Seed the training step itself."""
        key = (runner.seed, runner.iter, get_rank())
        words = np.random.SeedSequence(key).generate_state(2)
        random.seed(int(words[0]))
        np.random.seed(words[0])
        # All devices, and 64 bits, as other than NumPy it takes them.
        torch.manual_seed(int(words[0]) << 32 | int(words[1]))

    def after_train_epoch(self, runner) -> None:
        """Log how many images were skipped, over all ranks."""
        dataset = runner.train_dataloader.dataset
        if not any(_loaders_that_skip(dataset)):
            return
        total = _skipped_images(dataset)
        count = torch.tensor(float(total - self._skipped))
        self._skipped = total
        all_reduce(count)
        count = int(count)
        runner.message_hub.update_scalar('train/skipped_images', count)
        if count:
            # With its number: MMEngine drops a warning that it gave before.
            runner.logger.warning(
                f'epoch {runner.epoch + 1}: {count} of the images could not '
                "be read and were replaced by others; on_error='raise' in "
                'LoadRGBImage names the first'
            )


class _IndexOffset:
    """Move ``sample_idx`` behind those of the data sets before this one."""

    def __init__(self, offset: int):
        self.offset = offset

    def __call__(self, results: dict) -> dict:
        results['sample_idx'] += self.offset
        return results


def _separate_indices(dataset) -> None:
    offset = 0
    for leaf in leaf_datasets(dataset):
        steps = getattr(getattr(leaf, 'pipeline', None), 'transforms', None)
        if steps is not None and offset:
            # Training may start twice on one data set.
            steps[:] = [s for s in steps if not isinstance(s, _IndexOffset)]
            steps.insert(0, _IndexOffset(offset))
        offset += len(leaf)


def _drawing_sampler(loader):
    """The sampler that draws; under a batch sampler it is that one's own.

    MMDetection's configs all have a batch sampler, and ``loader.sampler`` is
    then a sequential one of PyTorch's, which nothing draws from.
    """
    return getattr(loader.batch_sampler, 'sampler', loader.sampler)


def _seed_sampler(runner, sampler) -> None:
    cfg = runner.cfg.get('train_dataloader') or {}
    given = (cfg.get('sampler') or {}).get('seed')
    by_rank = (runner.cfg.get('randomness') or {}).get('diff_rank_seed')
    if given is None and not by_rank and hasattr(sampler, 'seed'):
        sampler.seed = runner.seed


def _draws_on_device(runner) -> bool:
    # Others would hand on to their model what they do not know.
    model = unwrapped(runner.model)
    return bool(getattr(model.data_preprocessor, 'views', None))


def _first_batch(runner, loader) -> int | None:
    """The number of the first batch that will be fetched; None by epoch."""
    loop = runner.train_loop
    if not isinstance(loop, IterBasedTrainLoop):
        return None
    fetches_again = (
        loader.num_workers > 0
        and not _can_skip(loader)
        and not loop.fast_forward_on_resume
    )
    # Without `skip`, a resumed loop loads what it has seen once more.
    return 0 if fetches_again else runner.iter


def _can_skip(loader) -> bool:
    # As MMEngine decides it: another kind of batch sampler may take any
    # number of samples for a batch.
    plain = type(loader.batch_sampler) is BatchSampler
    drawing = _drawing_sampler(loader) if plain else loader.sampler
    return hasattr(drawing, 'skip')


def _warn_of_passes(runner, loader) -> None:
    by_iter = isinstance(runner.train_loop, IterBasedTrainLoop)
    sampler = _drawing_sampler(loader)
    # MMEngine's InfiniteSampler has it; a pass of another kind comes to an
    # end, and workers start to count their batches again.
    if by_iter and loader.num_workers and not hasattr(sampler, 'skip'):
        runner.logger.warning(
            f'train_dataloader.sampler: {type(sampler).__name__} in a loop '
            'by iteration repeats the augmentation with each pass, and a '
            'resumed run may see other pictures; use InfiniteSampler'
        )


def _check_batch_size(loader) -> None:
    expected = getattr(loader.sampler, 'batch_size', loader.batch_size)
    if loader.batch_size is not None and expected != loader.batch_size:
        raise UserError(
            f'train_dataloader: batch_size={loader.batch_size}, but its '
            f'sampler builds batches of {expected}; set both to the same'
        )


def _loaders_that_skip(dataset):
    for leaf in leaf_datasets(dataset):
        pipeline = getattr(leaf, 'pipeline', None)
        for step in getattr(pipeline, 'transforms', ()):
            if getattr(step, 'on_error', None) == 'skip':
                yield step


def _skipped_images(dataset) -> int:
    return sum(step.skipped_count() for step in _loaders_that_skip(dataset))
