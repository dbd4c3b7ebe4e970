"""Compares a run that goes on with the run that wrote its checkpoint."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import (
    EpochBasedTrainLoop,
    Runner,
    find_latest_checkpoint,
)

from cds_mm.config.recorded import recorded_settings
from cds_mm.config.resumed import (
    changed_limit,
    check_resumed,
    is_over,
    ways_on,
)
from cds_mm.errors import UserError
from cds_mm.hooks.learning_rates import Schedule, length_of
from cds_mm.hooks.resume_changes import FACTS, facts, what_else, what_follows
from cds_mm.hooks.resume_classes import check_resumed_classes
from cds_mm.hooks.resume_state import changed_hooks, check_state
from cds_mm.hooks.resumed_paths import keep_to_own_files
from cds_mm.run_warnings import warn


@HOOKS.register_module()
class ResumeCheckHook(Hook):
    """Refuse a resume that is not what its config says, and warn of changes.

    - Another optimizer or schedule than that of the checkpoint is refused:
      the host goes on with those of the checkpoint.
    - Another number of epochs is refused unless the learning rate goes on as
      in a run of that length from its start, and is not used up.
    - Another set or order of parameters is refused, and a run that averaged
      its weights when this one does not.
    - What takes effect from here on (batch size, ranks, data, model) is
      a warning that says what follows.
    - Files that the checkpoint names for removal have to be this run's.
    - The number of iterations in all is set right where an epoch has another
      number of them than before; the time that is left depends on it.
    """

    priority = 'HIGH'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare with the run that is resumed.

        Raises:
            UserError: the schedule would be another than the config's.
        """
        if not runner._resume:
            return
        keep_to_own_files(runner, checkpoint)
        meta = checkpoint.get('meta') or {}
        if is_over(runner.cfg, meta):
            return
        source = runner._load_from or find_latest_checkpoint(runner.work_dir)
        check_resumed_classes(
            runner.train_dataloader.dataset, runner.cfg, meta, source
        )
        before = recorded_settings(meta.get('cfg'))
        if before:
            check_resumed(source, before, runner.cfg)
            _check_length(runner, checkpoint, before, source)
            check_state(runner, checkpoint, before, source)
            for text in (
                *what_follows(runner, checkpoint, before),
                *changed_hooks(before, runner),
            ):
                warn(text, runner.logger)
            if also := what_else(runner, before):
                runner.logger.info(
                    f'Also changed, from here on: {"; ".join(also)}'
                )
        _count_from(runner, meta)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep what the config does not say."""
        checkpoint['meta'][FACTS] = facts(runner)


def _count_from(runner, meta) -> None:
    """Let the end of the run be where it will be."""
    loop = runner.train_loop
    if isinstance(loop, EpochBasedTrainLoop):
        left = loop.max_epochs - meta.get('epoch', 0)
        loop._max_iters = meta.get('iter', 0) + left * len(loop.dataloader)


def _check_length(runner, checkpoint, before, source) -> None:
    changed = changed_limit(before, runner.cfg)
    if changed is None:
        return
    limit, old, new = changed
    try:
        ahead, wanted, after = _rates(runner, checkpoint, old, new)
    # Schedulers may be anybody's, and may want more than a rate.
    except Exception as error:
        warn(
            f'train_cfg.{limit} is {new} and was {old}: the learning rate of '
            f'the resumed run cannot be foretold ({error}); look at it in '
            'the log',
            runner.logger,
        )
        return
    said = (
        _used_up(ahead, wanted, old, after)
        or _cut_off(ahead, new)
        or _not_the_same(ahead, wanted)
    )
    if said:
        raise UserError(
            f'--resume {source}: train_cfg.{limit} is {new} and was {old}, '
            f'{said}; {ways_on(source)}'
        )
    runner.logger.info(
        f'train_cfg.{limit} is {new} and was {old}: the learning rate goes '
        f'on as in a run of {new} from its start'
    )


def can_be_longer(runner: Runner) -> bool:
    """Whether a resume of this finished run with a higher limit goes on.

    Args:
        runner: of a run that is over.
    """
    schedulers = runner.param_schedulers or []
    if not isinstance(schedulers, list):  # of several optimizers
        return False
    loop = runner.train_loop
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    limit = loop.max_epochs if by_epoch else loop.max_iters
    end = dict(
        meta=dict(epoch=limit, iter=limit),
        optimizer=dict(param_groups=runner.optim_wrapper.param_groups),
        param_schedulers=[one.state_dict() for one in schedulers],
    )
    try:
        ahead, wanted, after = _rates(runner, end, limit, limit + 1)
    except Exception:  # schedulers may be anybody's
        return False
    return not (
        _used_up(ahead, wanted, limit, after) or _not_the_same(ahead, wanted)
    )


def _rates(runner, checkpoint, old, new):
    """Rates of the resumed run, and of one of this length from its start.

    Where the run is to be shorter, the first are those of the longer one.
    The third is the rate behind the end, which tells a schedule that has
    ended from one that goes on; none where it cannot be had.
    """
    configs = runner.cfg.get('param_scheduler') or []
    configs = [configs] if isinstance(configs, dict) else list(configs)
    steps = len(runner.train_dataloader)
    group = runner.optim_wrapper.param_groups[0]
    wanted = Schedule(configs, group, length_of(runner, new), steps)
    last = max(old, new)

    def ahead(end):
        length = length_of(runner, end)
        schedule = Schedule(configs, group, length, steps)
        schedule.load(checkpoint.get('param_schedulers') or [])
        (state, *_) = checkpoint['optimizer']['param_groups']
        schedule.optimizer.param_groups[0]['lr'] = state['lr']
        start = checkpoint['meta']['epoch' if length.by_epoch else 'iter']
        return schedule.rates(start)

    try:
        after = ahead(last + 1).get(last)
    except Exception:  # OneCycle refuses to be stepped behind its end
        after = None
    return ahead(last), wanted.rates(0), after


def _used_up(ahead, wanted, old, after) -> str:
    added = [rate for number, rate in ahead.items() if number >= old]
    highest = max(wanted.values())
    if not added:
        return ''
    seen = added if after is None else [*added, after]
    if not _same(min(seen), max(seen)):
        return ''
    if _same(added[0], highest):
        return ''
    return (
        'but its schedule is used up: the learning rate would stay at '
        f'{added[0]:.3g}, where a run of this length has up to {highest:.3g}'
    )


def _cut_off(ahead, new) -> str:
    kept = [rate for number, rate in ahead.items() if number < new]
    cut = [rate for number, rate in ahead.items() if number >= new]
    if all(_same(rate, kept[-1]) for rate in cut):
        return ''
    return (
        'but its schedule would be cut off at a learning rate of '
        f'{kept[-1]:.3g}, before it ends at {cut[-1]:.3g}'
    )


def _not_the_same(ahead, wanted) -> str:
    for number, rate in ahead.items():
        if number in wanted and not _same(rate, wanted[number]):
            return (
                'but the schedule of the checkpoint goes on: a learning rate '
                f'of {rate:.3g} where this config has {wanted[number]:.3g}'
            )
    return ''


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(one, other)
