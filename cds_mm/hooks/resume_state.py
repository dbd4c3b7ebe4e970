"""Whether the state in a checkpoint is that of this model and its hooks."""

from collections.abc import Iterator
from typing import Any

from mmengine.hooks import EMAHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.config import type_name
from cds_mm.config.differences import differences
from cds_mm.config.resumed import ways_on
from cds_mm.distributed import unwrapped
from cds_mm.errors import UserError

_SHOWN = 2  # settings of the model that a message names


def check_state(
    runner: Runner, checkpoint: dict, before: dict[str, Any], source: str
) -> None:
    """See that optimizer and averages go on with the tensors they are of.

    The optimizer's state has no names: it goes by the order of parameters.

    Args:
        runner: of the run that goes on.
        checkpoint: that it goes on from.
        before: the settings of the run that wrote it.
        source: the checkpoint, for messages.

    Raises:
        UserError: the state would go to other parameters, or the averaged
            weights would be trained on.
    """
    averages = any(isinstance(hook, EMAHook) for hook in runner.hooks)
    if 'ema_state_dict' in checkpoint and not averages:
        raise UserError(
            f'--resume {source}: its run averaged the weights (EMAHook) and '
            'this one does not: it would go on from the averaged weights '
            'with the optimizer of the others; add '
            "dict(type='EMAHook', ...) to custom_hooks as in that run, or "
            f'{ways_on(source)}'
        )
    said = _other_parameters(runner, checkpoint)
    if said:
        changed = differences('model', before.get('model'), runner.cfg.model)
        named = '; '.join(map(str, changed[:_SHOWN]))
        more = f' and {len(changed) - _SHOWN} more' if changed[_SHOWN:] else ''
        raise UserError(
            f'--resume {source}: {said}'
            f'{f" ({named}{more})" if named else ""}; {ways_on(source)}'
        )


def _other_parameters(runner, checkpoint) -> str:
    groups = checkpoint.get('optimizer', {}).get('param_groups')
    if not isinstance(groups, list):  # of several optimizers
        return ''
    wrapper = runner.optim_wrapper
    then = [len(group['params']) for group in groups]
    now = [len(group['params']) for group in wrapper.param_groups]
    if sum(then) != sum(now):
        return (
            f'its optimizer has {sum(then)} parameters, and this model has '
            f'{sum(now)} to train'
        )
    if then != now:
        return 'its optimizer has other groups of parameters'
    names = dict(unwrapped(runner.model).named_parameters())
    given = [
        key.removeprefix('module.') for key in checkpoint.get('state_dict', ())
    ]
    kept = set(given)
    before = [key for key in given if key in names]
    if before != [name for name in names if name in kept]:
        return (
            'its parameters are in another order than those of this model, '
            'so that the state of the optimizer would go to other ones'
        )
    return ''


def changed_hooks(before: dict[str, Any], runner: Runner) -> Iterator[str]:
    """A line for each hook of others that was added, removed or changed.

    Those of this package train nothing, or are added to every run.

    Args:
        before: the settings of the run that wrote the checkpoint.
        runner: of the run that goes on.
    """
    then, now = _foreign(before), _foreign(runner.cfg)
    for name in now.keys() - then.keys():
        yield f'custom_hooks: {name} was added: it takes effect from here on'
    for name in then.keys() - now.keys():
        yield f'custom_hooks: {name} was removed: it has no effect any more'
    for name in then.keys() & now.keys():
        key = f'custom_hooks.{name}'
        for found in differences(key, then[name], now[name]):
            yield f'{found}: it takes effect from here on'


def _foreign(settings) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for hook in settings.get('custom_hooks') or []:
        name = type_name(hook)
        if name is None:
            continue
        kind = HOOKS.get(name)
        if not (kind and kind.__module__.startswith('cds_mm.')):
            found.setdefault(name, []).append(hook)
    return found
