"""Tensors in a pickle: which part of which storage, in what shape."""

import math
from collections.abc import Callable
from typing import Any

import torch

from cds_mm.checkpoint.safe.limits import Allowance, Refused
from cds_mm.checkpoint.safe.stand_ins import Maker

_STORAGES = {
    'FloatStorage': torch.float32,
    'DoubleStorage': torch.float64,
    'HalfStorage': torch.float16,
    'BFloat16Storage': torch.bfloat16,
    'LongStorage': torch.int64,
    'IntStorage': torch.int32,
    'ShortStorage': torch.int16,
    'CharStorage': torch.int8,
    'ByteStorage': torch.uint8,
    'BoolStorage': torch.bool,
    'ComplexFloatStorage': torch.complex64,
    'ComplexDoubleStorage': torch.complex128,
}
_DTYPES = {
    str(value): value
    for value in vars(torch).values()
    if isinstance(value, torch.dtype) and 'q' not in str(value)
}
# What torch can save and this reader does not build.
_OTHER_KINDS = {
    '_rebuild_sparse_tensor': 'sparse',
    '_rebuild_meta_tensor_no_storage': 'empty (meta)',
    '_rebuild_nested_tensor': 'nested',
    '_rebuild_qtensor': 'quantized',
    '_rebuild_wrapper_subclass': 'wrapped',
    '_rebuild_device_tensor_from_numpy': 'foreign',
    '_rebuild_device_tensor_from_cpu_tensor': 'foreign',
}


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


def tensor_names(allowance: Allowance) -> dict[str, Any]:
    """The names of torch that a file may use, with what each makes.

    Args:
        allowance: of the file.
    """

    def tensor(*arguments: Any) -> Tensor:
        made = Tensor(*arguments)
        allowance.take(made.size)
        return made

    def version_1(storage, offset, shape, stride):
        return tensor(storage, offset, shape, stride)

    def version_2(storage, offset, shape, stride, grad, hooks, *bits):
        _refuse_bits(bits)
        return tensor(storage, offset, shape, stride, grad)

    def version_3(storage, offset, shape, stride, grad, hooks, dtype, *bits):
        _refuse_bits(bits)
        return tensor(storage, offset, shape, stride, grad, dtype)

    names: dict[str, Any] = {
        f'torch._utils.{name}': _refuser(f'torch._utils.{name}', kind)
        for name, kind in _OTHER_KINDS.items()
    }
    functions: dict[str, Callable] = {
        'torch._utils._rebuild_tensor': version_1,
        'torch._utils._rebuild_tensor_v2': version_2,
        'torch._utils._rebuild_tensor_v3': version_3,
        'torch._utils._rebuild_parameter': _parameter,
        'torch._utils._rebuild_parameter_with_state': _parameter,
        'torch._tensor._rebuild_from_type_v2': _from_type,
        # An argument of the one before.
        'torch.Tensor': _parameter,
        'torch._tensor.Tensor': _parameter,
        'torch.nn.parameter.Parameter': _parameter,
    }
    names |= {name: Maker(name, make) for name, make in functions.items()}
    for name, dtype in _STORAGES.items():
        names[f'torch.{name}'] = names[f'torch.cuda.{name}'] = StorageKind(
            dtype
        )
    names['torch.storage.UntypedStorage'] = StorageKind(torch.uint8)
    return names | _DTYPES


class StorageKind:
    """The class of a storage, which tells the type of its elements."""

    __slots__ = ('dtype',)

    def __init__(self, dtype: torch.dtype):
        self.dtype = dtype


def _parameter(data: Tensor, grad: object = True, *_: object) -> Tensor:
    if not isinstance(data, Tensor):
        raise Refused('is damaged (a parameter without data)')
    made = Tensor(
        data.storage,
        data.offset,
        data.shape,
        data.stride,
        grad is True,
        data.dtype,
    )
    made.parameter = True
    return made


def _from_type(make: Maker, kind: Maker, arguments: tuple, _state) -> Tensor:
    # A tensor with attributes, which are left out.
    made = make(*arguments)
    if not isinstance(made, Tensor):
        raise Refused('is damaged (a tensor without data)')
    return made


def _refuse_bits(bits: tuple) -> None:
    if bits and bits[0]:
        raise Refused('holds a conjugated tensor', 'save it resolved')


def _refuser(name: str, kind: str) -> Maker:
    def refuse(*_: object) -> None:
        raise Refused(
            f'holds a tensor that is {kind}, which is no weight of a network',
            'save a checkpoint of dense tensors',
        )

    return Maker(name, refuse)


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
