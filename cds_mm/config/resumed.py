"""What a resumed run takes from its checkpoint, and what from its config."""

import shlex
from typing import Any

from mmengine.config import Config

from cds_mm.config.differences import Difference, differences
from cds_mm.config.questions import type_name
from cds_mm.errors import UserError

# Of the optimizer's config: how it computes, which changes no setting of it.
_HOW = ('fused', 'foreach', 'capturable')
# Of the wrapper's config: these are no state, and so the config decides.
_OF_THE_STEP = (
    'type',
    'clip_grad',
    'accumulative_counts',
    'loss_scale',
    'dtype',
)
_MOST = 3  # differences that a message names
LIMITS = ('max_epochs', 'max_iters')


def check_resumed(source: str, before: dict[str, Any], cfg: Config) -> None:
    """See that a resumed run asks for the optimizer and schedule that it gets.

    The host loads both from the checkpoint, with all of their settings: what
    the config says of them would have no effect, or break.

    Args:
        source: the checkpoint.
        before: the settings of the run that wrote it.
        cfg: of the run that goes on.

    Raises:
        UserError: they differ.
    """
    other = other_task(before, cfg)
    if other:
        raise UserError(
            f'--resume {source}: {other}; resume a checkpoint of this config'
        )
    wrapper = differences(
        'optim_wrapper', _state_of(before), _state_of(cfg), _HOW
    )
    schedule = differences(
        'param_scheduler',
        before.get('param_scheduler'),
        cfg.get('param_scheduler'),
    )
    units = [
        Difference(f'train_cfg.{name}', *pair)
        for name, pair in _limits(before, cfg).items()
        if 'not set' in pair and pair[0] != pair[1]
    ]
    found = [*wrapper, *schedule, *units]
    if found:
        named = '; '.join(map(str, found[:_MOST]))
        more = f' and {len(found) - _MOST} more' if found[_MOST:] else ''
        raise UserError(
            f'--resume {source}: {named}{more}; a resumed run goes on with '
            f'the optimizer and schedule of its checkpoint; {ways_on(source)}'
        )


def other_task(before: dict[str, Any], cfg: Config) -> str:
    """What a checkpoint is of, where that is another step of the way.

    A classifier is pretrained, then a detector trained, each with the host
    that its scope names.

    Args:
        before: the settings of the run that wrote a checkpoint.
        cfg: of a run that reads it.

    Returns:
        str: empty where both are of one step, or it is not known.
    """
    scopes = before.get('default_scope'), cfg.get('default_scope')
    kinds = [type_name(run.get('model') or {}) for run in (before, cfg)]
    if None in scopes or scopes[0] == scopes[1] or not all(kinds):
        return ''
    return f'is of a {kinds[0]}, and this config has a {kinds[1]}'


def ways_on(source: str) -> str:
    """What to do instead of resuming with another schedule."""
    option = shlex.quote(f'load_from={source}')
    return (
        'resume with the settings of that run, or leave --resume out and '
        'start a new schedule from its weights with --cfg-options '
        f'{option}'
    )


def changed_limit(
    before: dict[str, Any], cfg: Config
) -> tuple[str, int, int] | None:
    """The limit of the training that is another one, before and now."""
    ours = cfg.get('train_cfg') or {}
    theirs = before.get('train_cfg') or {}
    for name in LIMITS:
        old, new = theirs.get(name), ours.get(name)
        if old and new and old != new:
            return name, int(old), int(new)
    return None


def is_over(cfg: Config, meta: dict) -> str | None:
    """The limit that a checkpoint has reached, None if there is more to do.

    Args:
        cfg: of the run that goes on.
        meta: what the checkpoint says of itself.
    """
    for limit, count in zip(LIMITS, ('epoch', 'iter'), strict=True):
        wanted = cfg.train_cfg.get(limit)
        if wanted and meta.get(count, 0) >= wanted:
            return limit
    return None


def _state_of(run):
    wrapper = run.get('optim_wrapper') or {}
    return {k: v for k, v in wrapper.items() if k not in _OF_THE_STEP}


def _limits(before, cfg):
    theirs, ours = (run.get('train_cfg') or {} for run in (before, cfg))
    return {
        name: tuple(str(run.get(name) or 'not set') for run in (theirs, ours))
        for name in LIMITS
    }
