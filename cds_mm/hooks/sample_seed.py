"""The same pictures, resumed or not."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner

from cds_mm.data.built_loader import can_skip, drawing_sampler
from cds_mm.data.seeding import SeededFetch, seed_fetches
from cds_mm.distributed import unwrapped
from cds_mm.run_warnings import warn

# Earlier versions had all of it in this hook.
SIBLINGS = (
    'LoaderCheckHook',
    'SampleIdxHook',
    'StepSeedHook',
    'SkippedImagesHook',
)


@HOOKS.register_module()
class SampleSeedHook(Hook):
    """Make the training data a function of the run's seed.

    - Augmentation: of (seed, epoch, sample, view), with any number of
      workers, persistent or not, for any data set and pipeline, also those of
      MMDetection.  A loop by iteration has no epochs; there it is a function
      of (seed, iteration, sample, view).  After a resume such a loop sees the
      same pictures with MMEngine's InfiniteSampler.
    - The order of the samples: MMEngine builds the sampler before it reads
      the seed from the checkpoint; a sampler without a seed of its own gets
      the seed of the run here.
    """

    # Before DistSamplerSeedHook and before anything that draws.
    priority = 'VERY_HIGH'
    _fetch: SeededFetch

    def before_train(self, runner: Runner) -> None:
        """Read the seed, which a resume may have changed, and set up."""
        _warn_of_missing_siblings(runner)
        loader = runner.train_dataloader
        _seed_sampler(runner, drawing_sampler(loader))
        self._fetch = seed_fetches(
            loader.dataset,
            runner.seed,
            _first_batch(runner, loader),
            with_keys=_draws_on_device(runner),
        )

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the data set, and workers already running, the epoch."""
        self._fetch.set_epoch(runner.epoch)


def _warn_of_missing_siblings(runner) -> None:
    present = {type(hook).__name__ for hook in runner.hooks}
    missing = [name for name in SIBLINGS if name not in present]
    if missing:
        warn(
            f'custom_hooks: without {", ".join(missing)} this run lacks a '
            'part of what SampleSeedHook did in earlier versions; add them, '
            'or start with tools/train.py, which does',
            runner.logger,
        )


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
        and not can_skip(loader)
        and not loop.fast_forward_on_resume
    )
    # Without `skip`, a resumed loop loads what it has seen once more.
    return 0 if fetches_again else runner.iter
