"""A checkpoint that wants to run code, as a plain file with the same keys."""

from argparse import Namespace
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cds_mm.checkpoint.reading import read_trusted
from cds_mm.checkpoint.writing import (
    check_other,
    check_target,
    format_of,
    write_checkpoint,
)
from cds_mm.errors import UserError

_PLAIN = (type(None), bool, int, float, str, bytes)
_MAX_DEPTH = 50
# Of NumPy, those that every torch has, too.
_NUMBERS = 'float16 float32 float64 int8 int16 int32 int64 uint8 bool'.split()


@dataclass
class Rewritten:
    """What ``rewrite`` did.

    Attributes:
        path: the file that was written.
        tensors: how many are in it.
        left_out: where something else was, with its kind.
    """

    path: Path
    tensors: int = 0
    left_out: list[str] = field(default_factory=list)

    def report(self) -> str:
        """What was done, for people."""
        shown = ', '.join(self.left_out[:5])
        more = len(self.left_out) - 5
        return (
            f'wrote {self.path}: {self.tensors} tensors under the same keys; '
            f'left out: {shown or "nothing"}'
            + (f' and {more} more' if more > 0 else '')
        )


def rewrite(src: str | Path, dst: str | Path) -> Rewritten:
    """Reads a file with all that it runs, writes its tensors and numbers.

    Args:
        src: a file whose origin is trusted as that of a program.
        dst: the ``.pth`` file to write.

    Returns:
        Rewritten: what is in it, and what was left out.

    Raises:
        UserError: it cannot be read or written, or holds no tensor.
    """
    check_target(dst)
    check_other(src, dst)
    if format_of(dst) != 'pth':
        raise UserError(
            f'{dst}: --rewrite keeps all parts of a checkpoint, which '
            'safetensors has no place for; name a .pth file'
        )
    done = Rewritten(Path(dst))
    content = _plain(read_trusted(src), '', done, 0)
    if not done.tensors:
        raise UserError(f'{src}: holds no tensor; give a checkpoint')
    if not isinstance(content, dict):
        content = {'state_dict': content}
    done.path = write_checkpoint(content, dst)
    return done


class _LeftOut:
    """In the place of what cannot be kept."""


def _plain(value: Any, where: str, done: Rewritten, depth: int) -> Any:
    if isinstance(value, nn.Module):
        value = value.state_dict()
    elif isinstance(value, Namespace):
        value = vars(value)
    elif isinstance(value, np.ndarray) and value.dtype.name in _NUMBERS:
        native = value.dtype.newbyteorder('=')
        value = torch.from_numpy(value.astype(native))
    elif hasattr(value, 'item') and not isinstance(value, torch.Tensor):
        value = _number(value)
    if type(value) in _PLAIN:
        return value
    if isinstance(value, torch.Tensor) and not value.is_meta:
        done.tensors += 1
        return _dense(value)
    if depth < _MAX_DEPTH:
        if isinstance(value, dict):
            return _plain_dict(value, where, done, depth)
        if isinstance(value, list | tuple):
            items = [
                _plain(item, f'{where}.{number}', done, depth + 1)
                for number, item in enumerate(value)
            ]
            kept = [item for item in items if item is not _LeftOut]
            return kept if isinstance(value, list) else tuple(kept)
    done.left_out.append(f'{where.lstrip(".")} ({type(value).__name__})')
    return _LeftOut


def _plain_dict(value: dict, where: str, done: Rewritten, depth: int) -> dict:
    kept: dict = OrderedDict() if isinstance(value, OrderedDict) else {}
    for key, item in value.items():
        place = f'{where}.{key}'
        if type(key) not in (str, int):
            done.left_out.append(
                f'{place.lstrip(".")} (a key that is no text)'
            )
            continue
        plain = _plain(item, place, done, depth + 1)
        if plain is not _LeftOut:
            kept[key] = plain
    metadata = getattr(value, '_metadata', None)
    if isinstance(metadata, dict) and isinstance(kept, OrderedDict):
        # The versions of layers, by which their weights are read.
        versions = _plain_dict(metadata, f'{where}._metadata', done, depth)
        kept._metadata = versions  # type: ignore[attr-defined]
    return kept


def _number(value: Any) -> Any:
    try:
        found = value.item()
    except (TypeError, ValueError):  # an array of several
        return value
    return found if type(found) in _PLAIN else value


def _dense(value: torch.Tensor) -> torch.Tensor:
    plain = value.detach()
    if plain.is_quantized:
        plain = plain.dequantize()
    if plain.layout is not torch.strided:
        plain = plain.to_dense()
    plain = plain.as_subclass(torch.Tensor)
    return plain.resolve_conj().resolve_neg()
