"""Names that other programs give to the layers of a torchvision ResNet."""

import re

import torch

_STAGE = '{}.0.conv1.weight'
_SHORTCUT = re.compile(r'^(layer[1-4]\.\d+\.)shortcut\.([01]\.)')


def torchvision_names(
    state: dict[str, torch.Tensor],
) -> dict[str, torch.Tensor]:
    """The same weights under torchvision's names, where they have others.

    Known are a ``Sequential`` of the network's children, whose names are
    numbers, and ``shortcut`` for ``downsample``.

    Args:
        state: bare keys.

    Returns:
        dict: ``state`` with other keys, or as it is.
    """
    return _of_shortcuts(_of_sequence(state))


def _of_sequence(state: dict) -> dict:
    first = {key.split('.', 1)[0] for key in state}
    if len(first) != 6 or not all(name.isdigit() for name in first):
        return state
    conv, norm, *stages = sorted(first, key=int)
    weight = state.get(f'{conv}.weight')
    known = (
        weight is not None
        and weight.dim() == 4
        and f'{norm}.running_mean' in state
        and all(_STAGE.format(stage) in state for stage in stages)
    )
    if not known:
        return state
    names = {conv: 'conv1', norm: 'bn1'}
    names |= {stage: f'layer{n}' for n, stage in enumerate(stages, 1)}
    renamed = {}
    for key, value in state.items():
        number, rest = key.split('.', 1)
        renamed[f'{names[number]}.{rest}'] = value
    return renamed


def _of_shortcuts(state: dict) -> dict:
    if any('.downsample.' in key for key in state):
        return state
    return {
        _SHORTCUT.sub(r'\1downsample.\2', key): value
        for key, value in state.items()
    }
