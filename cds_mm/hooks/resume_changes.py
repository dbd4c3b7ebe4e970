"""What changes in a run that is resumed, and what follows from it."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from cds_mm.branches.groups import expand_branches
from cds_mm.config.differences import Difference, differences
from cds_mm.config.resumed import LIMITS
from cds_mm.distributed import unwrapped, world_size
from cds_mm.hooks.fast_path import same_optimisations

# In the meta of a checkpoint: what the config of a run does not say.
FACTS = 'run_facts'
# What --parity changes; FastPathHook has a warning of its own for that.
_OF_THE_FAST_PATH = ('pipeline', 'views', 'collate_fn')
# Where weights come from or lie, which a checkpoint makes good.
_WITHOUT_EFFECT = ('init_cfg', 'pretrained', 'memory_format')
# Of a loader: what is looked at by itself, and what changes no image.
_OWN_LINES = ('batch_size', 'dataset', 'num_workers')
_OF_THE_WORKERS = (
    'persistent_workers',
    'pin_memory',
    'prefetch_factor',
    'multiprocessing_context',
)
_QUIET = (
    'train_cfg',
    'val_cfg',
    'val_dataloader',
    'default_hooks',
    'train_dataloader.num_workers',
)


def facts(runner: Runner) -> dict[str, int]:
    """Ranks, steps of an epoch, images."""
    loader = runner.train_dataloader
    return dict(
        world_size=world_size(),
        epoch_length=len(loader),
        images=len(loader.dataset),
    )


def what_follows(
    runner: Runner, checkpoint: dict, before: dict[str, Any]
) -> Iterator[str]:
    """A line for each change that may make it another run.

    Args:
        runner: of the run that goes on.
        checkpoint: that it goes on from.
        before: the settings of the run that wrote it.
    """
    cfg = runner.cfg
    then, now = (_written_out(run, runner.model) for run in (before, cfg))
    yield from _of_the_steps(runner, checkpoint, before)
    yield from _of_the_data(runner, checkpoint, before)
    ignored = _WITHOUT_EFFECT + _changed_by_flags(runner, checkpoint)
    for key in (
        'optim_wrapper.clip_grad',
        'optim_wrapper.dtype',
        'model',
        'data_preprocessor',
    ):
        for found in _differences(then, now, key, ignored):
            yield f'{found}: it takes effect from here on'
    yield from _of_the_draws(runner, checkpoint, before)
    yield from _of_the_best(checkpoint, before, cfg)
    if _scales(cfg) and not _scales(before):
        yield (
            '--auto-scale-lr has no effect on a resumed run: its learning '
            'rate is that of the checkpoint'
        )


def what_else(runner: Runner, before: dict[str, Any]) -> list[str]:
    """Changes that leave what is trained as it was.

    Args:
        runner: of the run that goes on.
        before: the settings of the run that wrote the checkpoint.
    """
    ignored = (*LIMITS, 'dataset')
    return [
        str(found)
        for key in _QUIET
        for found in _differences(before, runner.cfg, key, ignored)
    ]


def _written_out(run, model):
    """Settings with one branch for each stage, as some runs have them."""
    network = getattr(unwrapped(model), 'network', None)
    settings = run.get('model') or {}
    branches = settings.get('branches')
    if network is None or not isinstance(branches, Mapping):
        return run
    branches = expand_branches(branches, list(network.stages))
    return dict(run.items(), model=dict(settings, branches=branches))


def _of_the_steps(runner, checkpoint, before):
    """Batch size, ranks, and how many steps an epoch has."""
    then, now = checkpoint['meta'].get(FACTS) or {}, facts(runner)
    changed = [
        *_differences(before, runner.cfg, 'train_dataloader.batch_size'),
        *_differences(before, runner.cfg, 'optim_wrapper.accumulative_counts'),
    ]
    ranks = then.get('world_size', now['world_size'])
    if ranks != now['world_size']:
        changed.append(
            Difference(
                'the number of ranks', str(ranks), str(now['world_size'])
            )
        )
    length = then.get('epoch_length', now['epoch_length'])
    follows = []
    if changed:
        follows.append('the learning rate stays that of the checkpoint')
    if length != now['epoch_length']:
        follows += [
            f'an epoch has {now["epoch_length"]} steps and had {length}',
            *_end_of_schedule(checkpoint, now['epoch_length']),
        ]
    if follows:
        named = ', '.join(map(str, changed)) or 'the training data'
        yield f'{named}: {"; ".join(follows)}'


def _end_of_schedule(checkpoint, epoch_length):
    states = checkpoint.get('param_schedulers') or []
    ends = [
        state['end']
        for state in states
        if isinstance(state, dict) and not state.get('by_epoch', True)
    ]
    if ends and max(ends) > checkpoint['meta']['iter']:
        left = max(ends) - checkpoint['meta']['iter']
        epoch = checkpoint['meta']['epoch'] + left / epoch_length
        yield f'the schedule counts steps and ends at epoch {epoch:.1f}'


def _of_the_data(runner, checkpoint, before):
    images = facts(runner)['images']
    ignored = _changed_by_flags(runner, checkpoint)
    key = 'train_dataloader.dataset'
    found = [*map(str, _differences(before, runner.cfg, key, ignored))]
    then = (checkpoint['meta'].get(FACTS) or {}).get('images', images)
    if then != images:
        found.append(f'it has {images:,} images and had {then:,}')
    if found:
        yield (
            f'{"; ".join(found)}: if the images are others than before, it is '
            'no longer the same run'
        )
    ignored += _OWN_LINES + _OF_THE_WORKERS
    for other in _differences(before, runner.cfg, 'train_dataloader', ignored):
        yield f'{other}: batches are put together in another way from here on'


def _of_the_draws(runner, checkpoint, before):
    kept = checkpoint['meta'].get('seed')
    for found in _differences(before, runner.cfg, 'randomness'):
        if found.key == 'randomness.seed':
            yield (
                f'{found}: it has no effect, a resumed run goes on with the '
                f'seed of its checkpoint, {kept}'
            )
        else:
            yield f'{found}: it takes effect from here on'


def _of_the_best(checkpoint, before, cfg):
    """The best score is that of a run on other images, or of a metric."""
    hub = checkpoint.get('message_hub') or {}
    infos = hub.get('runtime_info') if isinstance(hub, dict) else None
    best = (infos or {}).get('best_score')
    for key in ('val_dataloader.dataset', 'val_evaluator'):
        changed = _differences(before, cfg, key)
        if changed and isinstance(best, int | float):
            yield (
                f'{"; ".join(map(str, changed))}: scores to come are compared '
                f'with the best one so far, {best:.4g}, which may have been '
                'measured otherwise'
            )


def _changed_by_flags(runner, checkpoint):
    same = same_optimisations(runner.cfg, checkpoint['meta'])
    return () if same else _OF_THE_FAST_PATH


def _differences(before, cfg, key, ignored=()):
    then, now = before, cfg
    for name in key.split('.'):
        then, now = (
            part.get(name) if isinstance(part, (dict, Config)) else None
            for part in (then, now)
        )
    return differences(key, then, now, ignored)


def _scales(cfg):
    return bool((cfg.get('auto_scale_lr') or {}).get('enable'))
