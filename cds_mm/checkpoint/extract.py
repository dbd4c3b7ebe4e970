"""Which weights in a checkpoint are the backbone's."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch

from cds_mm.checkpoint.dialects import as_torchvision, prefixes
from cds_mm.checkpoint.momentum import note_of_copies
from cds_mm.checkpoint.record import BackboneRecord, recorded
from cds_mm.checkpoint.weights import (
    choose_weights,
    refuse_flat,
    unwrapped_name,
    without_wrappers,
)
from cds_mm.errors import UserError

BACKBONE = 'backbone.'
# Where MMPretrain's wrapper has a network of timm.
_WRAPPER = 'timm_model.'
# What a torchvision-like classifier has beside its backbone.
_HEADS = re.compile(r'(fc|auxiliary\d+)\.')


@dataclass
class Extracted:
    """The backbone's weights and what was around them.

    ``kind`` is 'mmpretrain' (keys under ``backbone.``, as this project and
    MMPretrain write them), 'cds-release', 'torchvision' or 'bare'.
    ``dropped`` counts the other tensors by the first part of their name.
    ``note`` says which of several equal backbones was taken.
    """

    state: dict[str, torch.Tensor]
    kind: str
    weights: str
    dropped: Counter = field(default_factory=Counter)
    note: str = ''


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
        weights (str | None): Which of several sets of weights to take.

    Returns:
        Extracted: Keys without any prefix.

    Raises:
        UserError: No weights, or no backbone under a known prefix.
    """
    state, which = choose_weights(checkpoint, path, ema, weights)
    refuse_flat(state, path)
    raw, state = state, without_wrappers(state)
    asked = prefix is not None
    if prefix is None:
        prefix = BACKBONE if _has(state, BACKBONE) else ''
        _check_place(state, prefix, path, recorded(checkpoint, path))
    elif not prefix:
        _check_place(state, prefix, path, recorded(checkpoint, path))
    elif not _has(state, prefix):
        prefix = _unwrapped_prefix(prefix, raw, state, path)
    inside: dict[str, torch.Tensor] = {}
    dropped: Counter[str] = Counter()
    for key, value in state.items():
        bare = key[len(prefix) :]
        # Under `backbone.` all is the backbone's.
        is_head = prefix != BACKBONE and _HEADS.match(bare)
        if key.startswith(prefix) and not is_head:
            inside[bare] = value
        else:
            dropped[key.split('.', 1)[0]] += 1
    note = '' if asked else note_of_copies(state, prefix, inside, path)
    inside, heads = as_torchvision(inside)
    dropped.update(heads)
    return Extracted(inside, _kind(prefix, dropped), which, dropped, note)


def _unwrapped_prefix(prefix: str, raw: dict, state: dict, path) -> str:
    """The same prefix where the names have lost their wrappers."""
    if _has(raw, prefix):
        # Of one key before and after: all wrappers are taken out alike.
        before = next(key for key in raw if key.startswith(prefix))
        after = [*state][[*raw].index(before)]
        rest = unwrapped_name(before[len(prefix) :])
        if after.endswith(rest):
            return after[: len(after) - len(rest)]
    raise UserError(
        f'{path}: no key starts with {prefix!r} (the first is '
        f'{next(iter(raw))!r}); give another --prefix'
    )


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
    state, _ = choose_weights(checkpoint, path, ema)
    state = without_wrappers(state)
    if _has(state, BACKBONE):
        return state
    _check_place(state, '', path)
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


def _check_place(
    state: dict, prefix: str, path, record: BackboneRecord | None = None
) -> None:
    """Refuses keys that are under a prefix nobody named."""
    found = prefixes(state)
    # A ResNet of timm is inside of MMPretrain's wrapper, with or without a
    # record; of a recorded network all keys are where they should be.
    if record or any(one.endswith(_WRAPPER) for one in found):
        return
    if not found or prefix in found:
        return
    if prefix:  # as torchvision's detectors have it: 'backbone.body.'
        found = [one for one in found if one.startswith(prefix)]
        if not found:
            return
    where = ' and '.join(map(repr, found))
    flags = ', or '.join(f'--prefix {prefix}' for prefix in found)
    raise UserError(
        f'{path}: the backbone lies under the prefix {where}, where '
        f"'{BACKBONE}' or none was expected; pass {flags}"
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
