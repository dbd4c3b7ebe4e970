"""The table of what a checkpoint may name; all else is refused."""

from collections import Counter, OrderedDict
from typing import Any

import torch

from cds_mm.checkpoint.safe.limits import Allowance, Refused
from cds_mm.checkpoint.safe.numbers import numpy_names
from cds_mm.checkpoint.safe.stand_ins import (
    LogBuffer,
    Maker,
    look_up,
)
from cds_mm.checkpoint.safe.tensor_names import tensor_names

_BUFFER = 'mmengine.logging.history_buffer.HistoryBuffer'
_SCHEDULER = 'mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler'
_CONFIG_DICT = 'mmengine.config.config.ConfigDict'
# What Python 2 and old versions of the hosts called them.
_RENAMED = {
    '__builtin__': 'builtins',
    'copy_reg': 'copyreg',
    'mmcv.utils.config': 'mmengine.config.config',
}
# Bytes of an entry of a container.
_ENTRY = 100


def modern_name(module: str, name: str) -> str:
    """'module.name' as Python 3 calls it."""
    return f'{_RENAMED.get(module, module)}.{name}'


def allowed_names(allowance: Allowance) -> dict[str, Any]:
    """What a file may name, and what each makes.

    Args:
        allowance: of the file.

    Returns:
        dict: 'module.name' to a value, or to a :class:`Maker` of one.
    """
    return {
        **tensor_names(allowance),
        **numpy_names(allowance),
        **{
            name: Maker(name, make)
            for name, make in _containers(allowance).items()
        },
        'builtins.getattr': Maker('builtins.getattr', look_up),
        _BUFFER: Maker(_BUFFER, lambda *_: LogBuffer()),
        _SCHEDULER: Maker(_SCHEDULER, _no_instance),
        'builtins.object': None,
    }


def _containers(allowance: Allowance) -> dict[str, Any]:
    def counted(kind: Any) -> Any:
        def make(content: Any = ()) -> Any:
            if type(content) not in (list, tuple, dict, set, frozenset):
                raise Refused('is damaged (a container of no elements)')
            allowance.take(_ENTRY * len(content))
            return kind(content)

        return make

    def encode(text: str, encoding: str) -> bytes:
        # So protocol 2 writes bytes.
        if encoding not in ('latin1', 'latin-1'):
            raise Refused('is damaged (bytes in an unknown encoding)')
        allowance.take(len(text))
        return text.encode('latin-1')

    def byte_array(content: Any = b'', encoding: str = 'latin-1') -> bytes:
        if type(content) is str:
            return encode(content, encoding)
        if type(content) is not bytes:
            raise Refused('is damaged (bytes without their content)')
        return content

    makers = {
        'collections.OrderedDict': counted(OrderedDict),
        'collections.Counter': counted(Counter),
        'collections.defaultdict': lambda *_: {},
        _CONFIG_DICT: counted(dict),
        'torch.Size': counted(torch.Size),
        'torch.device': torch.device,
        '_codecs.encode': encode,
        'builtins.bytearray': byte_array,
        'builtins.bytes': byte_array,
        'builtins.complex': complex,
        'builtins.slice': slice,
        'copyreg._reconstructor': lambda make, *_: make(),
    }
    for kind in (set, frozenset, dict, list, tuple):
        makers[f'builtins.{kind.__name__}'] = counted(kind)
    return makers


def _no_instance(*_: object) -> None:
    raise Refused('is damaged (a scheduler instead of its state)')
