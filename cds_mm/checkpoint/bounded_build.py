"""Building a network whose config comes from a file, within bounds."""

import contextlib
import math
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any
from unittest import mock

import torch
from mmengine.registry import registry
from torch.overrides import TorchFunctionMode

from cds_mm.environment import HOSTS

# No argument of a backbone is larger, and none has as many tensors.
_LARGEST = 1 << 16
_MOST_TENSORS = 50_000
_HOSTS = (*HOSTS, 'cds_mm')
_MAKES = {
    getattr(torch, name)
    for name in 'empty zeros ones full rand randn eye arange linspace'.split()
}


class TooLarge(ValueError):
    """A config asks for a network that its file cannot be of."""


@contextlib.contextmanager
def bounded_build(limit: int) -> Iterator[None]:
    """Stop as soon as the tensors that are made take more than allowed.

    Nor is any name imported: a registry of MMEngine imports what it does not
    know, and some arguments (``norm_layer`` of a network of timm) are names.

    Args:
        limit: bytes.

    Raises:
        TooLarge: from within the block.
    """
    with (
        _Counting(limit),
        mock.patch.object(registry, 'get_object_from_string', _known_only),
        mock.patch.object(registry, 'import_module', _hosts_only),
    ):
        yield


def _known_only(name: str) -> None:
    raise ValueError(f'{name} is not registered')


def _hosts_only(name: str) -> ModuleType:
    """Of a scope in front of a name a registry imports the package."""
    if name in sys.modules:
        return sys.modules[name]
    if name.partition('.')[0] in _HOSTS:
        return import_module(name)
    raise ImportError(f'{name} is not imported')


def check_numbers(value: Any) -> None:
    """Look for whole numbers that no backbone has.

    Args:
        value: the config, of plain values.

    Raises:
        TooLarge: names the first.
    """
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list | tuple):
        if len(value) > _LARGEST:
            raise TooLarge(f'a list of {len(value)} values')
        for item in value:
            check_numbers(item)
    elif isinstance(value, int) and abs(value) > _LARGEST:
        raise TooLarge(f'a number above {_LARGEST} or below -{_LARGEST}')


class _Counting(TorchFunctionMode):
    def __init__(self, limit: int):
        super().__init__()
        self._left = limit
        self._tensors = _MOST_TENSORS

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in _MAKES:
            self._left -= 4 * _elements(args, kwargs)
            self._tensors -= 1
            if self._left < 0 or self._tensors < 0:
                raise TooLarge('a network far larger than the file')
        return func(*args, **kwargs)


def _elements(args: tuple, kwargs: dict) -> int:
    shape = kwargs.get('size', args)
    if len(shape) and isinstance(shape[0], list | tuple):
        shape = shape[0]
    return math.prod(n for n in shape if isinstance(n, int) and n > 0)
