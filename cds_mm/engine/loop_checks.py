"""Whether loops, samplers and schedules of a run go together."""

from collections.abc import Iterator
from typing import NamedTuple

from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, Runner

from cds_mm.config import type_name
from cds_mm.data.built_loader import ENDLESS
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

_COUNTS = ('max_epochs', 'max_iters', 'val_interval')
# A schedule that ends before this share of a run was made for a shorter one.
_EARLY = 0.5


def check_loops(cfg: Config, splits: tuple[str, ...]) -> None:
    """See that each loop of a run comes to its end, and does something.

    Args:
        cfg: of a run.
        splits: of the data that it uses.

    Raises:
        UserError: a number of the loop is none, or a sampler never ends.
    """
    if 'train' in splits:
        _check_counts(cfg.get('train_cfg') or {})
    for split in splits:
        loader = cfg.get(f'{split}_dataloader') or {}
        sampler = type_name(loader.get('sampler') or {})
        if sampler in ENDLESS and not _by_iteration(cfg, split):
            raise UserError(
                f'{split}_dataloader.sampler.type={sampler}: never ends, and '
                f'this loop goes through the whole of it; set '
                f'{split}_dataloader.sampler.type=DefaultSampler'
            )
        if split != 'train' and loader.get('drop_last'):
            raise UserError(
                f'{split}_dataloader.drop_last=True: the score would be over '
                f'a part of the images; set {split}_dataloader.drop_last=False'
            )


def check_steps(runner: Runner, cfg: Config) -> None:
    """See that an epoch has a step.

    Args:
        runner: with its training data built.
        cfg: of the run.

    Raises:
        UserError: every batch would be dropped.
    """
    loader = runner.train_dataloader
    try:
        steps = len(loader)
    except TypeError:  # a stream
        return
    if not steps:
        size = cfg.train_dataloader.get('batch_size')
        raise UserError(
            f'train_dataloader.batch_size={size} with drop_last=True: not one '
            f'such batch in {len(loader.dataset)} images; set a smaller one'
        )


def _check_counts(loop: dict) -> None:
    for name in _COUNTS:
        count = loop.get(name)
        number = isinstance(count, int | float) and count >= 1
        if count is not None and not number:
            raise UserError(
                f'train_cfg.{name}={count!r} must be a number of at least 1'
            )
    begin, limit = loop.get('val_begin', 1), loop.get('max_epochs')
    if limit and isinstance(begin, int) and begin > limit:
        warn(
            f'train_cfg.val_begin={begin}: the run has {limit} epochs and is '
            'never validated; lower it'
        )


def _by_iteration(cfg, split: str) -> bool:
    loop = cfg.get('train_cfg') or {}
    return split == 'train' and (
        not loop.get('by_epoch', True)
        or type_name(loop) not in ('', 'EpochBasedTrainLoop')
    )


class _Part(NamedTuple):
    """One scheduler of a config.

    Attributes:
        key: its place in the config.
        cfg: its settings.
        last: its last change of the rate, in its own unit.
        length: of the run, in that unit.
        unit: 'epoch' or 'iteration'.
    """

    key: str
    cfg: dict
    last: int
    length: int
    unit: str

    @property
    def setting(self) -> str:
        """The key that decides when it ends."""
        for name in ('milestones', 'total_steps', 'T_max', 'end'):
            if self.cfg.get(name) is not None:
                return f'{self.key}.{name}'
        return f'{self.key}.end'


def warn_of_schedule(runner: Runner, cfg: Config) -> None:
    """Warn of a schedule of learning rates that is made for another length.

    Args:
        runner: with its training data built.
        cfg: of the run.
    """
    parts = [*_parts(runner, cfg.get('param_scheduler'))]
    for part in parts:
        if part.last > part.length:
            warn(
                f'{part.key}: {type_name(part.cfg)} changes the learning rate '
                f'up to {part.unit} {part.last}, but the run ends at '
                f'{part.length}; set {part.setting} for this length',
                runner.logger,
            )
            return
    falls = [part for part in parts if not _warms_up(part.cfg)]
    if falls and all(p.last < _EARLY * p.length for p in falls):
        part = max(falls, key=lambda part: part.last / part.length)
        warn(
            f'{part.key}: {type_name(part.cfg)} ends at {part.unit} '
            f'{part.last} of {part.length}, so that the learning rate stays '
            f'as it is then for most of the run; set {part.setting} for this '
            'length',
            runner.logger,
        )


def _parts(runner, configs) -> Iterator[_Part]:
    if isinstance(configs, dict):
        configs = [configs] if 'type' in configs else []
    loop = runner.train_loop
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    for number, cfg in enumerate(configs or ()):
        if not isinstance(cfg, dict) or not type_name(cfg).endswith('LR'):
            continue
        unit = 'epoch' if cfg.get('by_epoch', True) else 'iteration'
        if unit == 'epoch' and not by_epoch:
            continue
        length = loop.max_epochs if unit == 'epoch' else loop.max_iters
        last = _last_change(cfg, length)
        if last is not None:
            yield _Part(f'param_scheduler.{number}', cfg, last, length, unit)


def _last_change(cfg, length: int) -> int | None:
    """When a scheduler changes the rate for the last time; None if unknown."""
    begin, end = cfg.get('begin') or 0, cfg.get('end')
    kind = type_name(cfg)
    if kind == 'MultiStepLR':
        steps = cfg.get('milestones') or ()
        if not steps:
            return None
        last = begin + max(steps)
        return last if end is None else min(last, end)
    if kind == 'OneCycleLR':
        return cfg.get('total_steps')
    if kind == 'WarmUpCosineLR':  # flat after its cosine
        last = begin + cfg['T_max']
        return last if end is None else min(last, end)
    if kind in ('CosineAnnealingLR', 'PolyLR', 'LinearLR'):
        whole = cfg.get('T_max')
        last = length if end is None else end
        # One that is longer than its part of the run goes not all the way.
        return max(last, begin + whole) if whole else last
    return None


def _warms_up(cfg) -> bool:
    if type_name(cfg) != 'LinearLR':
        return False
    return cfg.get('start_factor', 1 / 3) <= cfg.get('end_factor', 1.0)
