"""Whether the parts of a checkpoint are what a run takes them for."""

from collections.abc import Mapping
from typing import Any

import torch

from cds_mm.errors import UserError

# Beyond it no run counts, and the hosts' counters overflow.
_MOST = 1 << 53
_TAKE_ANOTHER = 'the file is damaged, or of another program; take another one'
# What the hosts load into a run that goes on, and as what.
_OF_A_RUN: dict[str, type | tuple[type, ...]] = {
    'optimizer': dict,
    'message_hub': dict,
    'param_schedulers': (list, dict),
}
_SHOWN = 60  # characters


def check_parts(content: dict, path: object, resume: bool = False) -> None:
    """Look at what a checkpoint holds before the hosts take it apart.

    Args:
        content: of the file.
        path: of the file, for messages.
        resume: its training state is used, too.

    Raises:
        UserError: a part is of another kind than everybody expects.
    """
    state = content.get('state_dict', {})
    _check(isinstance(state, dict), path, 'state_dict', state)
    for name, tensor in state.items():
        # What a module keeps beside its tensors may be anything.
        if isinstance(name, str) and name.endswith('_extra_state'):
            continue
        there = isinstance(name, str) and isinstance(tensor, torch.Tensor)
        _check(there, path, f'state_dict[{name!r}]', tensor)
    meta = content.get('meta')
    _check(meta is None or isinstance(meta, dict), path, 'meta', meta)
    if not resume:
        return
    for name in ('epoch', 'iter'):
        count = (meta or {}).get(name, 0)
        _check(_is_count(count), path, f'meta[{name!r}]', count)
    if 'message_hub' not in content:
        raise UserError(
            f'--resume {path}: it has no message_hub, so MMEngine cannot go '
            'on from it; start a new schedule from its weights with '
            f'--cfg-options load_from={path}'
        )
    for name, kind in _OF_A_RUN.items():
        part = content.get(name)
        _check(part is None or isinstance(part, kind), path, name, part)
    _check_optimizer(content.get('optimizer'), path)
    schedulers = content.get('param_schedulers')
    for one in schedulers if isinstance(schedulers, list) else ():
        _check(isinstance(one, dict), path, 'param_schedulers', one)


def _check_optimizer(state: Any, path: object) -> None:
    if state is None or 'param_groups' not in state:
        # Of several optimizers, by name; or there is none.
        for name, inner in (state or {}).items():
            _check(isinstance(inner, dict), path, f'optimizer.{name}', inner)
        _check(state != {}, path, 'optimizer', state)
        return
    groups = state['param_groups']
    _check(
        isinstance(groups, list)
        and all(isinstance(group, dict) for group in groups)
        and bool(groups),
        path,
        'optimizer.param_groups',
        groups,
    )


def check_trained(
    state: Mapping[str, torch.Tensor],
    wanted: Mapping[str, torch.Tensor],
    path: object,
) -> None:
    """See that tensors are the weights of a network that was trained.

    Integers where the network has integers (an index of positions), and
    infinity where it starts with infinity (a mask), are as they should be.

    Args:
        state: of a file, by name.
        wanted: of the network that they are about to fill.
        path: of the file, for messages.

    Raises:
        UserError: weights that are no real numbers, or not finite.
    """
    for name, own in wanted.items():
        if name not in state or not own.is_floating_point():
            continue
        tensor = state[name]
        if not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix('torch.')
            raise UserError(
                f'{path}: {name} holds numbers of type {kind}, which are no '
                'trained weights; save the checkpoint in a floating type'
            )
        if not tensor.isfinite().all() and own.isfinite().all():
            raise UserError(
                f'{path}: {name} holds NaN or infinity, so the training that '
                'wrote it diverged; take an earlier checkpoint'
            )


def _is_count(value: Any) -> bool:
    return (
        isinstance(value, int)
        and not isinstance(value, bool)
        and 0 <= value <= _MOST
    )


def _check(fine: bool, path: object, part: str, value: Any) -> None:
    if not fine:
        shown = ' '.join(repr(value).split())[:_SHOWN]
        kind = type(value).__name__
        raise UserError(
            f'{path}: its {part} is {shown} ({kind}), which no checkpoint '
            f'of MMEngine has; {_TAKE_ANOTHER}'
        )
