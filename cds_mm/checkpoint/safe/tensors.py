"""Tensors in a pickle: which part of which storage, in what shape."""

import math
from typing import Any

import torch

from cds_mm.checkpoint.safe.limits import Refused


class Storage:
    """Bytes that tensors lie in; read when the first of them is made.

    Args:
        key: of the part of the file.
        dtype: of its elements.
        count: of its elements.
        location: the device that it was saved from, such as 'cuda:0'.
        start: its first element, where it is part of another.
    """

    __slots__ = ('count', 'dtype', 'key', 'location', 'start')

    def __init__(
        self,
        key: str,
        dtype: torch.dtype,
        count: int,
        location: str,
        start: int = 0,
    ):
        self.key = key
        self.dtype = dtype
        self.count = count
        self.location = location
        self.start = start

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.count * self.dtype.itemsize


class Tensor:
    """A view of a storage, which may be a parameter."""

    __slots__ = (
        'dtype',
        'offset',
        'parameter',
        'requires_grad',
        'shape',
        'storage',
        'stride',
    )

    def __init__(
        self,
        storage: Storage,
        offset: int,
        shape: Any,
        stride: Any,
        requires_grad: bool = False,
        dtype: torch.dtype | None = None,
    ):
        self.storage = storage
        self.offset = offset
        self.shape = tuple(shape)
        self.stride = tuple(stride)
        self.requires_grad = requires_grad is True
        self.parameter = False
        self.dtype = dtype or storage.dtype
        self._check()

    def _check(self) -> None:
        numbers = (self.offset, *self.shape, *self.stride)
        if not (
            isinstance(self.storage, Storage)
            and isinstance(self.dtype, torch.dtype)
            and all(type(n) is int and 0 <= n < 1 << 60 for n in numbers)
            and len(self.shape) == len(self.stride) <= 64
        ):
            raise Refused('is damaged (a tensor without a shape)')
        last = self.offset + sum(
            (side - 1) * step
            for side, step in zip(self.shape, self.stride, strict=True)
        )
        if 0 not in self.shape:
            end = (last + 1) * self.dtype.itemsize
            if end > self.storage.size:
                raise Refused('is damaged (a tensor reaches past its data)')

    @property
    def size(self) -> int:
        """Bytes that it takes where it is copied."""
        return math.prod(self.shape) * self.dtype.itemsize

    def build(self, state: object) -> None:
        """Attributes of a tensor are left out."""

    def on(self, data: torch.UntypedStorage) -> torch.Tensor:
        """The tensor, once its data is there."""
        start = self.storage.start * self.storage.dtype.itemsize
        offset = self.offset + start // self.dtype.itemsize
        empty = torch.empty(0, dtype=self.dtype, device=data.device)
        tensor = empty.set_(data, offset, self.shape, self.stride)
        if self.parameter:
            return torch.nn.Parameter(tensor, self.requires_grad)
        return tensor.requires_grad_(self.requires_grad)


class StorageKind:
    """The class of a storage, which tells the type of its elements.

    Args:
        dtype: None for one of quantized tensors, which are not read.
    """

    __slots__ = ('dtype',)

    def __init__(self, dtype: torch.dtype | None):
        self.dtype = dtype


def other_kind(kind: str) -> Refused:
    """The error for a tensor that this reader does not build.

    Args:
        kind: in a word.
    """
    return Refused(
        f'holds a tensor that is {kind}, which is no weight of a network',
        'save a checkpoint of dense tensors',
    )


def storage_from(parts: Any, seen: dict[str, Storage]) -> Storage:
    """A storage as a pickle names it.

    Args:
        parts: 'storage', its kind, its key, its device, its elements, and in
            the old layout the part of it that is meant.
        seen: the storages of the file by key; one that is new is added.

    Raises:
        Refused: anything else.
    """
    word, kind, key, location, count, *view = parts
    if word != 'storage' or not isinstance(kind, StorageKind):
        raise Refused('is damaged (it refers to data that is no storage)')
    if kind.dtype is None:
        raise other_kind('quantized')
    key, location = str(key), str(location)
    if type(count) is not int or not 0 <= count < 1 << 60:
        raise Refused('is damaged (a storage of no size)')
    whole = seen.setdefault(key, Storage(key, kind.dtype, count, location))
    if whole.size != count * kind.dtype.itemsize:
        raise Refused('is damaged (a storage of two sizes)')
    part = Storage(key, kind.dtype, count, location)
    if view and view[0] is not None:
        _, part.start, part.count = view[0]
        numbers = (part.start, part.count)
        if not all(type(n) is int and n >= 0 for n in numbers):
            raise Refused('is damaged (a part of a storage of no size)')
        if sum(numbers) > count:
            raise Refused('is damaged (a part reaches past its storage)')
    return part
