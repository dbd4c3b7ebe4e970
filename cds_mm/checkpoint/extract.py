"""Which weights in a checkpoint are the backbone's."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch

from cds_mm.checkpoint.foreign_names import torchvision_names
from cds_mm.errors import UserError

BACKBONE = 'backbone.'
# What a torchvision-like classifier has beside its backbone.
_HEADS = re.compile(r'(fc|auxiliary\d+)\.')
_WRAPPERS = ('module.', '_orig_mod.')
_CONTAINERS = ('state_dict', 'model', 'model_state_dict', 'net')
# MMEngine, timm, torchvision's references.
_EMA_CONTAINERS = ('state_dict_ema', 'model_ema', 'ema')
# By this key a ResNet is found under any prefix.
_ANCHOR = 'layer1.0.conv1.weight'


@dataclass
class Extracted:
    """The backbone's weights and what was around them.

    ``kind`` is 'mmpretrain' (keys under ``backbone.``, as this project and
    MMPretrain write them), 'cds-release', 'torchvision' or 'bare'.
    ``dropped`` counts the other tensors by the first part of their name.
    """

    state: dict[str, torch.Tensor]
    kind: str
    weights: str
    dropped: Counter = field(default_factory=Counter)


def extract_backbone(
    checkpoint: dict,
    path: str | Path,
    ema: bool = True,
    prefix: str | None = None,
    weights: str | None = None,
) -> Extracted:
    """Picks the plain backbone's weights out of a checkpoint.

    Args:
        checkpoint (dict): What ``read_checkpoint`` gave.
        path: Its name, for messages.
        ema (bool): Take the averaged weights where there are any.
        prefix (str | None): Where the backbone's keys start, if neither at
            ``backbone.`` nor at the start of the name.
        weights (str | None): Which of several weights to take, by the name
            that the checkpoint has for them.

    Returns:
        Extracted: Keys without any prefix.

    Raises:
        UserError: No weights, or no backbone under a known prefix.
    """
    state, chosen = _choose_weights(checkpoint, path, ema, weights)
    state = _without_wrappers(state)
    if prefix is None:
        prefix = BACKBONE if _has(state, BACKBONE) else ''
    elif not _has(state, prefix):
        raise UserError(
            f'{path}: no key starts with {prefix!r} (the first is '
            f'{next(iter(state))!r}); give another --prefix'
        )
    if not prefix:
        _check_bare(state, path)
    inside, dropped = _split(state, prefix)
    kind = _kind(prefix, dropped)
    return Extracted(torchvision_names(inside), kind, chosen, dropped)


def _split(state: dict, prefix: str) -> tuple[dict, Counter]:
    """The backbone's weights by bare names, and what else there is."""
    inside = {k: v for k, v in state.items() if k.startswith(prefix)}
    dropped = Counter(k.split('.', 1)[0] for k in state if k not in inside)
    bare = _without_wrappers({k[len(prefix) :]: v for k, v in inside.items()})
    # Under `backbone.` a head would be a part of the backbone.
    if prefix != BACKBONE:
        for key in [key for key in bare if _HEADS.match(key)]:
            del bare[key]
            dropped[key.split('.', 1)[0]] += 1
    return bare, dropped


def classifier_state(
    checkpoint: dict, path, ema: bool = True
) -> dict[str, torch.Tensor]:
    """All weights of a classifier, under MMPretrain's names.

    Args:
        checkpoint (dict): What ``read_checkpoint`` gave.
        path: Its name, for messages.
        ema (bool): Take the averaged weights where there are any.

    Returns:
        dict: Keys under ``backbone.``, ``head.`` and, if it has any,
        ``branches.``; those of a torchvision ResNet are renamed.

    Raises:
        UserError: No weights, or the backbone lies under another prefix.
    """
    state, _ = _choose_weights(checkpoint, path, ema, None)
    state = _without_wrappers(state)
    if _has(state, BACKBONE):
        return state
    _check_bare(state, path)
    return {
        f'head.{key}' if key.startswith('fc.') else f'{BACKBONE}{key}': value
        for key, value in state.items()
    }


def _has(state: dict, prefix: str) -> bool:
    return any(key.startswith(prefix) for key in state)


def _kind(prefix: str, dropped: Counter) -> str:
    if prefix:
        return 'mmpretrain'
    if any(name.startswith('auxiliary') for name in dropped):
        return 'cds-release'
    return 'torchvision' if 'fc' in dropped else 'bare'


def _choose_weights(checkpoint: dict, path, ema: bool, named: str | None):
    """The state dict, and one word on whether it is averaged."""
    if named is not None:
        if not _is_weights(checkpoint.get(named)):
            raise UserError(
                f'{path}: has no weights under {named!r}; leave --weights '
                'out to see what it has'
            )
        return _tensors(checkpoint[named], path), named
    # MMEngine's EMAHook swaps on saving: `state_dict` holds the averaged
    # weights, `ema_state_dict` the last raw ones under `module.`.
    swapped = checkpoint.get('ema_state_dict')
    if isinstance(swapped, dict) and 'state_dict' in checkpoint:
        if ema:
            return _tensors(checkpoint['state_dict'], path), 'EMA'
        raw = {k: v for k, v in swapped.items() if k.startswith('module.')}
        return _tensors(raw, path), 'raw (not EMA)'
    if ema:
        for name in _EMA_CONTAINERS:
            if _is_weights(checkpoint.get(name)):
                return _tensors(checkpoint[name], path), 'EMA'
    for name in _CONTAINERS:
        if _is_weights(checkpoint.get(name)):
            return _tensors(checkpoint[name], path), 'trained'
    if not _is_weights(checkpoint):
        _refuse_several(checkpoint, path)
    return _tensors(checkpoint, path), 'trained'


def _is_weights(value) -> bool:
    return isinstance(value, dict) and any(
        isinstance(item, torch.Tensor) for item in value.values()
    )


def _refuse_several(checkpoint: dict, path) -> None:
    """Refuses weights under names that do not say which are wanted."""
    found = [key for key, value in checkpoint.items() if _is_weights(value)]
    if found:
        names = ', '.join(map(repr, found[:5]))
        flags = ' or '.join(f'--weights {name}' for name in found[:5])
        raise UserError(
            f'{path}: holds its weights under {names}, none of which says '
            f'that it is the network wanted; pass {flags}'
        )


def _tensors(state: dict, path) -> dict[str, torch.Tensor]:
    tensors = {
        key: value
        for key, value in state.items()
        if isinstance(key, str) and isinstance(value, torch.Tensor)
    }
    tensors.pop('n_averaged', None)
    if not tensors:
        raise UserError(
            f'{path}: holds no weights (no tensor under state_dict); give a '
            'checkpoint of a model'
        )
    return tensors


def _without_wrappers(state: dict) -> dict:
    """Without the prefixes of DistributedDataParallel and torch.compile."""
    for wrapper in _WRAPPERS * 2:
        if all(key.startswith(wrapper) for key in state):
            state = {k[len(wrapper) :]: v for k, v in state.items()}
    return state


def _check_bare(state: dict, path) -> None:
    """Refuses keys that lie under a prefix nobody named."""
    found = [key for key in state if key.endswith(_ANCHOR)]
    if _ANCHOR in state or not found:
        return
    prefixes = [key[: -len(_ANCHOR)] for key in found]
    several = len(prefixes) > 1
    names = ' or '.join(map(repr, prefixes))
    flags = ' or '.join(f'--prefix {prefix}' for prefix in prefixes)
    raise UserError(
        f'{path}: {"a" if several else "the"} backbone lies under the prefix '
        f"{names}, where '{BACKBONE}' or none was expected; pass {flags}"
    )


def check_finite(state: dict[str, torch.Tensor], path) -> None:
    """Refuses weights with NaN or infinity.

    Args:
        state (dict): Names to tensors.
        path: The file, for the message.

    Raises:
        UserError: Names the first such tensor and how many there are.
    """
    bad = [
        key
        for key, value in state.items()
        if _has_numbers(value) and not torch.isfinite(value).all()
    ]
    if bad:
        raise UserError(
            f'{path}: {len(bad)} of {len(state)} tensors hold NaN or '
            f'infinity, the first is {bad[0]}; the training diverged: take '
            'an earlier checkpoint'
        )


def _has_numbers(value: torch.Tensor) -> bool:
    # Other kinds are refused where they are to fill a network.
    dense = value.layout is torch.strided and not value.is_meta
    return dense and value.is_floating_point() and value.itemsize > 1
