"""From a tree with stand-ins to one of plain values and tensors."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from cds_mm.checkpoint.safe.limits import (
    MAX_DEPTH,
    MAX_INSTRUCTIONS,
    Refused,
    RunsCode,
)
from cds_mm.checkpoint.safe.numbers import Array, DType
from cds_mm.checkpoint.safe.stand_ins import (
    Instances,
    LogBuffer,
    Maker,
    Method,
    Unknown,
)
from cds_mm.checkpoint.safe.tensors import Storage, StorageKind, Tensor

_PLAIN = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    slice,
    torch.dtype,
    torch.device,
    Method,
    np.generic,
)


class Finisher:
    """Replaces stand-ins; containers that can change keep their identity.

    Args:
        data: gives the bytes of a storage, always the same for its key.
        limit: of the values, once all of them are written out.
    """

    def __init__(
        self,
        data: Callable[[Storage], torch.UntypedStorage],
        limit: int = MAX_INSTRUCTIONS,
    ):
        self._data = data
        self._limit = limit
        # By identity: what it became, and how much it is written out.  The
        # stand-in is kept, since a freed one would pass its identity on.
        self._done: dict[int, tuple[Any, Any, int]] = {}
        self._open: set[int] = set()

    def finish(self, value: Any) -> Any:
        """A tree of plain values.

        Raises:
            Refused: it is too deep, contains itself, or is far larger than
                its pickle once it is written out.
            RunsCode: a name is left over that is no part of a checkpoint.
        """
        finished, _ = self._visit(value, 0)
        return finished

    def _visit(self, value: Any, depth: int) -> tuple[Any, int]:
        if isinstance(value, _PLAIN):
            return value, 1
        if id(value) in self._done:
            _, finished, count = self._done[id(value)]
            return finished, count
        if depth > MAX_DEPTH or id(value) in self._open:
            raise Refused(
                f'nests its values more than {MAX_DEPTH} deep', 'do not use it'
            )
        self._open.add(id(value))
        finished, count = self._made(value, depth + 1)
        self._open.remove(id(value))
        if count > self._limit:
            raise Refused(
                'has values that are far larger than the file', 'do not use it'
            )
        self._done[id(value)] = (value, finished, count)
        return finished, count

    def _made(self, value: Any, depth: int) -> tuple[Any, int]:
        if isinstance(value, dict):
            return value, self._dict(value, depth)
        if isinstance(value, list):
            pairs = [self._visit(item, depth) for item in value]
            value[:] = [item for item, _ in pairs]
            return value, 1 + sum(count for _, count in pairs)
        if isinstance(value, tuple):
            pairs = [self._visit(item, depth) for item in value]
            items = [item for item, _ in pairs]
            kept = value if isinstance(value, torch.Size) else tuple(items)
            return kept, 1 + sum(count for _, count in pairs)
        if isinstance(value, set | frozenset):  # keys are plain
            return value, 1 + len(value)
        return self._leaf(value, depth), 1

    def _dict(self, value: dict, depth: int) -> int:
        total = 1
        for key in value:
            value[key], count = self._visit(value[key], depth)
            total += count
        metadata = getattr(value, '_metadata', None)
        if metadata is not None:
            total += self._visit(metadata, depth)[1]
        return total

    def _leaf(self, value: Any, depth: int) -> Any:
        if isinstance(value, Tensor):
            return value.on(self._data(value.storage))
        if isinstance(value, DType):
            return value.value
        if isinstance(value, Array):
            if value.value is None:
                raise Refused('is damaged (a NumPy array without content)')
            return value.value
        if isinstance(value, LogBuffer):
            return self._log_buffer(value, depth)
        if isinstance(value, Instances):
            self._dict(value.state, depth)
            return value
        if isinstance(value, Unknown):
            raise RunsCode(value.name)
        if isinstance(value, Maker):
            raise RunsCode(value.name)
        if isinstance(value, Storage | StorageKind):
            raise Refused('holds data that is of no tensor')
        raise Refused('is damaged (a value of a strange kind)')

    def _log_buffer(self, buffer: LogBuffer, depth: int) -> LogBuffer:
        # Its functions are those that the class has anyway; others, that a
        # program registered, are not looked at.
        state = buffer.state
        buffer.values = self._numbers(state.get('_log_history'), depth)
        buffer.counts = self._numbers(state.get('_count_history'), depth)
        length = state.get('max_length', 1_000_000)
        if buffer.values.shape != buffer.counts.shape or (
            type(length) is not int or not 0 < length < 1 << 31
        ):
            raise Refused('is damaged (a log buffer of two lengths)')
        buffer.max_length = length
        buffer.state = {}
        return buffer

    def _numbers(self, value: Any, depth: int) -> np.ndarray:
        found, _ = self._visit([] if value is None else value, depth)
        if isinstance(found, list | tuple):
            found = np.array(found, dtype=float)
        if found.ndim != 1 or found.dtype.kind not in 'biuf':
            raise Refused('is damaged (a log buffer of no numbers)')
        return found


def finite_number(value: Any) -> bool:
    """Whether a value from a file is a usable number.

    Args:
        value: anything; a whole number may be too large for a float.
    """
    if type(value) not in (int, float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
