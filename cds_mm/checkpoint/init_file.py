"""The file that an ``init_cfg`` names, as MMEngine would load it."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import torch

from cds_mm.checkpoint.comparison import comparison
from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.checkpoint.mismatch import check_fits
from cds_mm.checkpoint.parts import check_trained
from cds_mm.checkpoint.proof import Proof
from cds_mm.checkpoint.record import BackboneRecord, recorded
from cds_mm.checkpoint.verify import judge
from cds_mm.errors import UserError

T = TypeVar('T')


class HasShape(Protocol):
    """A tensor, or what is kept of one."""

    @property
    def shape(self) -> torch.Size:
        """Its size in all dimensions."""


# A share of keys from which on they are taken for those of the backbone.
MOST = 0.5


class InitWeights(NamedTuple):
    """What MMEngine takes out of a file for a backbone.

    Attributes:
        state: tensors by the backbone's keys.
        record: of the training, where the file is of this project.
        whole: all tensors of the file, under their own keys.
        prefix: of the ``init_cfg``.
    """

    state: dict[str, torch.Tensor]
    record: BackboneRecord | None
    whole: dict[str, torch.Tensor]
    prefix: str | None


def init_weights(
    checkpoint: dict, path: str | Path, prefix: str | None
) -> InitWeights:
    """Takes out of a file what MMEngine would load of it.

    Args:
        checkpoint (dict): What the file holds.
        path (str | Path): For messages.
        prefix (str | None): Of the ``init_cfg``.

    Raises:
        UserError: A record of another format, or a damaged one.
    """
    record = recorded(checkpoint, path)
    whole = {
        key: value
        for key, value in checkpoint.get('state_dict', checkpoint).items()
        if isinstance(key, str) and isinstance(value, torch.Tensor)
    }
    return InitWeights(under_prefix(whole, prefix), record, whole, prefix)


def under_prefix(whole: Mapping[str, T], prefix: str | None) -> dict[str, T]:
    """What MMEngine takes of a file, by the keys that it then has.

    Args:
        whole (Mapping): All of it, by its own keys.
        prefix (str | None): Of the ``init_cfg``.
    """
    if not prefix:
        return {re.sub(r'^module\.', '', k): v for k, v in whole.items()}
    start = prefix if prefix.endswith('.') else f'{prefix}.'
    return {
        key[len(start) :]: value
        for key, value in whole.items()
        if key.startswith(start)
    }


def check_init(
    weights: InitWeights,
    path: str | Path,
    side: DetectorSide,
    accept_changed_function: bool = False,
    running: bool = False,
) -> Proof | None:
    """Whether a backbone gets all of its tensors, and what was trained.

    Args:
        weights (InitWeights): What is loaded.
        path (str | Path): The file, for messages.
        side (DetectorSide): The detector of the run.
        accept_changed_function (bool): As of
            :func:`cds_mm.checkpoint.prove_parity`.
        running (bool): They should be in its backbone already.

    Returns:
        Proof | None: None where the file has no record, so that its tensors
        are all that can be compared.

    Raises:
        UserError: It does not, with the causes and how to fix them.
    """
    check_place(weights, side)
    check_trained(weights.state, side.backbone.state_dict(), path)
    record, state = weights.record, weights.state
    if record is None:
        return None
    check_fits(record, state, side)
    how = comparison(record, state, path, side.name)
    return judge(record, state, side, how, accept_changed_function, running)


def check_place(weights: InitWeights, side: DetectorSide) -> None:
    """Whether a file has tensors of a backbone where MMEngine looks.

    Args:
        weights (InitWeights): What MMEngine takes out of it.
        side (DetectorSide): The backbone.

    Raises:
        UserError: They are in another place, or there are none.
    """
    wanted = side.backbone.state_dict()
    if any(key in wanted for key in weights.state):
        return
    if not weights.whole:
        raise UserError(
            'it has no tensor where MMEngine looks (under state_dict, or at '
            'the top); convert it with tools/convert_backbone.py'
        )
    if any(key in wanted for key in weights.whole):
        raise UserError(
            f'init_cfg has prefix={weights.prefix!r}, the file has bare keys: '
            'set model.backbone.init_cfg.prefix=None'
        )
    places = prefixes_of(wanted, weights.whole)
    if not places:
        if weights.record and not weights.prefix:
            return  # of another network, as the judge will say
        refuse_unknown(weights, side)
    where = ' and '.join(map(repr, places))
    what = f'its keys are under {where}, so nothing is loaded from stage 1 on'
    if weights.record and not weights.record.fingerprint:
        raise UserError(
            f'it is a training checkpoint ({what}); convert it with '
            'tools/convert_backbone.py and name the converted file'
        )
    raise UserError(
        f'{what}; set model.backbone.init_cfg.prefix={places[0]!r}, or '
        'convert it with tools/convert_backbone.py'
    )


def refuse_unknown(weights: InitWeights, side: DetectorSide) -> None:
    """Refuses a file of which no tensor can be loaded.

    Args:
        weights (InitWeights): What MMEngine takes out of it.
        side (DetectorSide): The backbone.

    Raises:
        UserError: Always.
    """
    first = next(iter(weights.whole))
    at = f' under prefix={weights.prefix!r}' if weights.prefix else ''
    raise UserError(
        f'none of its tensors{at} has a name of the '
        f'{type(side.backbone).__name__} of {side.name} (the first is '
        f'{first}); convert it with tools/convert_backbone.py, or name a '
        'file of this backbone'
    )


def prefixes_of(wanted: Iterable[str], names: Iterable[str]) -> list[str]:
    """Prefixes under which most of some keys are found.

    Args:
        wanted (Iterable[str]): Keys of a backbone.
        names (Iterable[str]): Keys of a file.
    """
    keys = set(wanted)
    counts: Counter[str] = Counter()
    for name in names:
        parts = name.split('.')
        for cut in range(1, len(parts)):
            if '.'.join(parts[cut:]) in keys:
                counts['.'.join(parts[:cut]) + '.'] += 1
    return [p for p, n in counts.items() if n >= MOST * len(keys)]


def place_of(
    wanted: Mapping[str, HasShape], given: Mapping[str, HasShape]
) -> str | None:
    """Where a file has most of the tensors of a part of a model.

    Args:
        wanted (Mapping): Tensors of the part.
        given (Mapping): Those of the file; of both the shapes are compared.

    Returns:
        str | None: The prefix of their keys, empty if they are bare; None
        if they are not in it.
    """
    needed = {
        key: tuple(one.shape)
        for key, one in wanted.items()
        if not key.endswith('num_batches_tracked')
    }
    counts: Counter[str] = Counter()
    for name, one in under_prefix(given, None).items():
        parts = name.split('.')
        for cut in range(len(parts)):
            if needed.get('.'.join(parts[cut:])) == tuple(one.shape):
                counts[''.join(f'{part}.' for part in parts[:cut])] += 1
    found = [p for p, n in counts.items() if n >= MOST * len(needed)]
    return min(found, key=len, default=None)
