"""NumPy's arrays and numbers in a pickle, from plain bytes."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from cds_mm.checkpoint.safe.limits import Allowance, Refused
from cds_mm.checkpoint.safe.stand_ins import Maker

# Numbers, and texts of a fixed length: no objects, no records.
_CODE = re.compile(r'[<>|=]?(b1|[iu][1248]|f[248]|c(8|16)|[SU]\d{1,6})')


class DType:
    """A kind of number, whose byte order comes after it is made."""

    __slots__ = ('value',)

    def __init__(self, code: object, *_: object):
        if type(code) is not str or not _CODE.fullmatch(code):
            raise Refused('is damaged (a NumPy array of a kind unknown here)')
        self.value = np.dtype(code)

    def build(self, state: Any) -> None:
        """Set the byte order.

        Raises:
            Refused: the state of a record or of an object type.
        """
        order = state[1]
        plain = all(field is None for field in state[2:5])
        if order not in ('<', '>', '|', '=') or not plain:
            raise Refused('is damaged (a NumPy type with fields)')
        self.value = self.value.newbyteorder(order)


class Array:
    """An array, whose content comes after it is made."""

    __slots__ = ('_allowance', 'value')

    def __init__(self, allowance: Allowance):
        self._allowance = allowance
        self.value: np.ndarray | None = None

    def build(self, state: Any) -> None:
        """Fill it.

        Args:
            state: version, shape, type, whether in Fortran's order, bytes.
        """
        _, shape, kind, fortran, content = state
        if type(content) is str:  # protocol 0 of Python 2
            content = content.encode('latin-1')
        order = 'F' if fortran else 'C'
        self.value = _array(self._allowance, content, kind, shape, order)


def _array(
    allowance: Allowance, content: Any, kind: Any, shape: Any, order: Any
) -> np.ndarray:
    if not isinstance(kind, DType) or not isinstance(content, bytes):
        raise Refused('is damaged (a NumPy array without its bytes)')
    shape = (shape,) if type(shape) is int else tuple(shape)
    counts = all(type(side) is int and side >= 0 for side in shape)
    size = math.prod(shape) * kind.value.itemsize if counts else -1
    if size != len(content) or len(shape) > 32 or order not in ('C', 'F'):
        raise Refused('is damaged (a NumPy array of another size)')
    allowance.take(size)
    flat = np.frombuffer(bytearray(content), kind.value)
    return flat.reshape(shape, order=order)


def numpy_names(allowance: Allowance) -> dict[str, Maker]:
    """The names of NumPy that a file may use, with what each makes.

    Args:
        allowance: of the file.
    """

    def reconstruct(*_: object) -> Array:
        return Array(allowance)

    def scalar(kind: DType, content: bytes) -> Any:
        if type(content) is str:
            content = content.encode('latin-1')
        return _array(allowance, content, kind, (), 'C')[()]

    def from_buffer(content: Any, kind: DType, shape: Any, order: Any) -> Any:
        array = Array(allowance)
        array.value = _array(allowance, bytes(content), kind, shape, order)
        return array

    makers: dict[str, Callable] = {'numpy.dtype': DType}
    for package in ('numpy.core', 'numpy._core'):
        makers[f'{package}.multiarray._reconstruct'] = reconstruct
        makers[f'{package}.multiarray.scalar'] = scalar
        makers[f'{package}.numeric._frombuffer'] = from_buffer
    # An argument of _reconstruct, which knows what it makes.
    makers['numpy.ndarray'] = reconstruct
    return {name: Maker(name, make) for name, make in makers.items()}
