"""Reads checkpoint files without running anything that is in them."""

import json
import stat
from pathlib import Path
from typing import Any

import torch

from cds_mm.checkpoint.plain_pickle import (
    is_plain_pickle,
    load_plain_pickle,
)
from cds_mm.checkpoint.published import check_for_run, check_name
from cds_mm.checkpoint.record import RECORD_KEY
from cds_mm.checkpoint.safe import Refused, RunsCode, read_content
from cds_mm.checkpoint.safe.layout import Placer
from cds_mm.checkpoint.shards import (
    INDEX,
    read_shards,
    refuse_part,
    what_folder,
)
from cds_mm.errors import UserError, first_line

SAFETENSORS_SUFFIXES = ('.safetensors',)
METADATA_KEY = RECORD_KEY
_TAR_MARK, _TAR_MARK_AT = b'ustar', 257


class CodeRefused(UserError):
    """A file that wants to run code."""


def read_checkpoint(path: str | Path, trust: bool = False) -> dict:
    """Opens a ``.pth`` or ``.safetensors`` file; no code of it runs.

    Only tensors, containers and plain values are read, and no more memory is
    taken than a file of its size can hold.  Of MMEngine's log buffers the
    numbers come back.

    Args:
        path (str | Path): The file.
        trust (bool): Open a pickle with everything that it wants to run.
            Only for files whose origin you trust as you trust a program.

    Returns:
        dict: What the file holds.  A safetensors file gives
        ``{'state_dict': ..., 'meta': {'cds_mm': ...}}``.

    Raises:
        UserError: No such file, not a file, empty, truncated, damaged, not a
            checkpoint, or it names something outside the allowed list.
    """
    read = read_trusted if trust else read_file
    refuse_part(Path(path))
    try:
        if str(path).endswith(INDEX):
            _check_file(Path(path))
            content = read_shards(Path(path), read)
        else:
            content = read(path)
    except CodeRefused as error:
        raise CodeRefused(f'{error}, or converts it with --trust') from error
    return _checkpoint(path, content)


def read_for_run(path: str | Path) -> dict:
    """:func:`read_checkpoint` for a program that has no ``--trust``.

    Args:
        path: the file.

    Raises:
        UserError: as of :func:`read_checkpoint`.
    """
    content = _checkpoint(path, read_file(path))
    check_for_run(path, content)
    return content


def _checkpoint(path: str | Path, content: Any) -> dict:
    if not isinstance(content, dict):
        raise UserError(
            f'{path}: holds a {type(content).__name__}, not a checkpoint '
            '(a dict); give the file that the training wrote'
        )
    check_name(path, content)
    return content


def read_file(path: str | Path, place: Placer | None = None) -> Any:
    """What a file holds, whatever that is.

    Args:
        path: the file.
        place: moves each storage to where it is wanted.

    Raises:
        UserError: as of :func:`read_checkpoint`.
    """
    path = Path(path)
    _check_file(path)
    if path.suffix in SAFETENSORS_SUFFIXES:
        return _read_safetensors(path, place)
    return _explained(path, path, place)


def read_bytes(content: bytes, name: str, place: Placer | None = None) -> Any:
    """What the bytes of a file hold, which lies in a remote store.

    Args:
        content: of the file.
        name: of the file, for messages.
        place: as of :func:`read_file`.

    Raises:
        UserError: as of :func:`read_checkpoint`.
    """
    return _explained(content, name, place)


def read_trusted(path: str | Path) -> Any:
    """What a file holds, with everything run that it wants to run.

    Args:
        path: a file whose origin is trusted as that of a program.

    Raises:
        UserError: it cannot be read.
    """
    path = Path(path)
    _check_file(path)
    if path.suffix in SAFETENSORS_SUFFIXES:
        return _read_safetensors(path, None)
    try:
        if is_plain_pickle(path):
            return load_plain_pickle(path)
        return torch.load(path, map_location='cpu', weights_only=False)
    except Exception as error:  # whatever a broken file makes torch raise
        raise UserError(
            f'{path}: cannot be read as a checkpoint, also where it is '
            f'trusted ({first_line(error)[:160]}); copy it again, or save '
            'its state_dict with torch.save'
        ) from error


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise UserError(f'{path}: {what_folder(path)}')
        if not stat.S_ISREG(found.st_mode):
            # Opening a pipe would wait for somebody who writes into it.
            raise UserError(
                f'{path}: is a pipe or a device and no file; give a '
                'checkpoint file'
            )
        with path.open('rb'):
            pass
    except FileNotFoundError as error:
        raise UserError(f'{path}: no such file; check the path') from error
    except OSError as error:
        raise UserError(
            f'{str(path)[:200]}: cannot be opened ({error.strerror}); check '
            'the path and its permissions'
        ) from error
    if found.st_size == 0:
        raise UserError(
            f'{path}: is empty (0 bytes); copy or download it again'
        )


def _explained(source: Path | bytes, name: Any, place: Placer | None) -> Any:
    """Read it; an error says what to do."""
    try:
        return read_content(source, place)
    except RunsCode as error:
        raise CodeRefused(
            f'{name}: refused, because reading it would run {error.name}, '
            'which is not part of a checkpoint; nothing was run; if you know '
            'who made the file, tools/convert_backbone.py writes its tensors '
            'to a plain file with --rewrite'
        ) from error
    except Refused as error:
        if isinstance(source, Path) and _is_tar(source):
            raise UserError(
                f'{name}: is in the first layout of torch (a tar archive); if '
                'you know who made the file, tools/convert_backbone.py makes '
                'a plain file of it with --rewrite'
            ) from error
        if isinstance(source, Path) and is_plain_pickle(source):
            raise UserError(
                f'{name}: is a plain pickle, as Detectron2 writes them, and '
                'no file of torch; if you know who made it, '
                'tools/convert_backbone.py makes one of it with --rewrite'
            ) from error
        raise UserError(f'{name}: {error.reason}; {error.fix}') from error
    except MemoryError as error:
        raise UserError(
            f'{name}: there is not enough memory to read it; free some'
        ) from error


def _is_tar(path: Path) -> bool:
    with path.open('rb') as file:
        file.seek(_TAR_MARK_AT)
        return file.read(len(_TAR_MARK)) == _TAR_MARK


def _read_safetensors(path: Path, place: Placer | None) -> dict:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework='pt', device='cpu') as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f'{path}: is not a whole safetensors file '
            f'({first_line(error)[:120]}); copy it again'
        ) from error
    if place is not None:
        state = {name: _placed(value, place) for name, value in state.items()}
    meta = {}
    if METADATA_KEY in metadata:
        try:
            meta[METADATA_KEY] = json.loads(metadata[METADATA_KEY])
        except (ValueError, RecursionError) as error:
            raise UserError(
                f'{path}: its cds_mm record is damaged '
                f'({first_line(error)[:120]}); convert the checkpoint again'
            ) from error
    return {'state_dict': state, 'meta': meta}


def _placed(tensor: torch.Tensor, place: Placer) -> torch.Tensor:
    data = place(tensor.untyped_storage(), 'cpu')
    empty = torch.empty(0, dtype=tensor.dtype, device=data.device)
    return empty.set_(
        data, tensor.storage_offset(), tensor.shape, tensor.stride()
    )
