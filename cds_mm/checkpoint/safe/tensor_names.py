"""The names of torch that a checkpoint may use, and what they make."""

from collections.abc import Callable
from typing import Any

import torch

from cds_mm.checkpoint.safe.limits import Allowance, Refused
from cds_mm.checkpoint.safe.stand_ins import Maker
from cds_mm.checkpoint.safe.tensors import (
    StorageKind,
    Tensor,
    other_kind,
)

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
    'torch.serialization._get_layout': 'sparse',
    'torch._utils._rebuild_sparse_tensor': 'sparse',
    'torch._utils._rebuild_meta_tensor_no_storage': 'empty (meta)',
    'torch._utils._rebuild_nested_tensor': 'nested',
    'torch._utils._rebuild_qtensor': 'quantized',
    'torch._utils._rebuild_wrapper_subclass': 'wrapped',
    'torch._utils._rebuild_device_tensor_from_numpy': 'foreign',
    'torch._utils._rebuild_device_tensor_from_cpu_tensor': 'foreign',
}
_QUANTIZED = (
    'QInt8Storage QUInt8Storage QInt32Storage QUInt4x2Storage QUInt2x4Storage'
).split()


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
        name: _refuser(name, kind) for name, kind in _OTHER_KINDS.items()
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
    names |= {f'torch.{name}': StorageKind(None) for name in _QUANTIZED}
    names['torch.storage.UntypedStorage'] = StorageKind(torch.uint8)
    return names | _DTYPES


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
        raise other_kind(kind)

    return Maker(name, refuse)
