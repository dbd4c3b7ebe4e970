"""What is known of a backbone as a network of another library."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import nn

from cds_mm.checkpoint.record import BackboneRecord, function_of
from cds_mm.errors import UserError

State: TypeAlias = dict[str, torch.Tensor]
# Our weights, and the empty network of the library where it is installed.
Names: TypeAlias = Callable[[State, nn.Module | None], State]

ELSEWHERE = 'choose --target onnx, or --target mmdet'


@dataclass
class Plan:
    """A backbone as a network of another library.

    Attributes:
        target: one of ``TARGETS``.
        network: how the library calls it, as Python that builds it.
        build: builds it with random weights and without a classifier.
        names: gives our weights their names.
        stages: names of modules whose outputs are equal: ours and theirs.
        settings: what has to be set besides, one line each.
        timm: name and arguments of ``timm.create_model``, if that is all.
    """

    target: str
    network: str
    build: Callable[[], nn.Module]
    names: Names
    stages: list[tuple[str, str]]
    settings: list[str] = field(default_factory=list)
    timm: tuple[str, dict[str, Any]] | None = None


def refusal(
    target: str, backbone: Mapping, why: str, elsewhere: str = ELSEWHERE
) -> UserError:
    """The one line for a backbone that a library does not have.

    Args:
        target: one of ``TARGETS``.
        backbone: the record's.
        why: what the library has instead, or lacks.
        elsewhere: what to do.
    """
    kind = function_of(dict(backbone))['type']
    return UserError(f'--target {target}: {kind}: {why}; {elsewhere}')


def unit_statistics(
    record: BackboneRecord,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std for values from 0 to 1, which these libraries feed."""
    mean, std = (
        tuple(float(f'{value / 255:.6g}') for value in values)
        for values in (record.mean, record.std)
    )
    return mean, std


def in_python(function: str, *values: object, **options: object) -> str:
    """A call as a line of Python."""
    given = [repr(value) for value in values]
    given += [f'{key}={value!r}' for key, value in options.items()]
    return f'{function}({", ".join(given)})'


def same_names(state: State, _network: nn.Module | None) -> State:
    """The names that MMPretrain has, too."""
    return dict(state)


def renamed(
    rules: Iterable[tuple[str, str | Callable]],
) -> Names:
    """Names by rules.

    Args:
        rules: patterns and replacements as of ``re.sub``, applied in turn.
    """
    import re

    compiled = [(re.compile(pattern), new) for pattern, new in rules]

    def names(state: State, _network: nn.Module | None) -> State:
        found = {}
        for key, value in state.items():
            for pattern, new in compiled:
                key = pattern.sub(new, key)
            found[key] = value
        return found

    return names
