"""Writes checkpoint files: whole, plain and, if wanted, named by hash."""

import hashlib
import io
import json
from pathlib import Path

import torch

from cds_mm.checkpoint.reading import METADATA_KEY, SAFETENSORS_SUFFIXES
from cds_mm.choices import FORMATS
from cds_mm.errors import UserError
from cds_mm.files import atomic_write, check_replaceable, folder_for_now


def write_checkpoint(
    checkpoint: dict,
    path: str | Path,
    file_format: str | None = None,
    publish: bool = False,
) -> Path:
    """Writes a checkpoint, or leaves everything as it was.

    A ``.pth`` opens with ``torch.load(path, weights_only=True)``.

    Args:
        checkpoint (dict): ``{'state_dict': tensors, 'meta': {...}}``, or
            bare tensors; plain values only beside the tensors.
        path (str | Path): The file; its folder is made if there is none.
        file_format (str | None): 'pth' or 'safetensors'; by default what
            the suffix says.
        publish (bool): Put the first 8 digits of the file's SHA-256 into
            its name: ``<stem>-<digits>.pth``.

    Returns:
        Path: The file that was written.

    Raises:
        UserError: It cannot be written; nothing is left behind.
    """
    check_target(path)
    if format_of(path, file_format) == 'safetensors':
        content = safetensors_bytes(checkpoint)
    else:
        # In memory first: torch's own writer turns a full disk into an
        # error that says nothing of disks.
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        content = buffer.getvalue()
    return write_bytes(content, path, publish)


def write_bytes(
    content: bytes, path: str | Path, publish: bool = False
) -> Path:
    """Writes a file, or leaves everything as it was.

    Args:
        content (bytes): All of it.
        path (str | Path): The file; its folder is made if there is none.
        publish (bool): As of :func:`write_checkpoint`.

    Returns:
        Path: The file that was written.

    Raises:
        UserError: It cannot be written; nothing is left behind.
    """
    path = Path(path)
    if publish:
        digits = hashlib.sha256(content).hexdigest()[:8]
        path = path.with_name(f'{path.stem}-{digits}{path.suffix}')
    try:
        with folder_for_now(path.parent):
            return atomic_write(path, content)
    except OSError as error:
        raise UserError(
            f'{path.parent}: cannot be made ({error.strerror}); choose '
            'another place'
        ) from error


def check_target(path: str | Path) -> None:
    """Says early that a file cannot be written where it is wanted.

    Raises:
        UserError: The path is a folder or a device, leads through a file,
            or is too long.
    """
    path = Path(path)
    check_replaceable(path)
    above = next(place for place in path.parents if place.exists())
    if not above.is_dir():
        raise UserError(f'{path}: {above} is no folder; choose another place')


def check_other(src: str | Path, dst: str | Path) -> None:
    """Say that a file would be written over its own source.

    Raises:
        UserError: both are the same file.
    """
    src, dst = Path(src), Path(dst)
    if dst.exists() and src.exists() and src.samefile(dst):
        raise UserError(
            f'{dst}: would overwrite the checkpoint it comes from; choose '
            'another name'
        )


def format_of(path: str | Path, file_format: str | None = None) -> str:
    """The format of a file by its suffix, or the one that is asked for.

    Raises:
        UserError: An unknown format.
    """
    if file_format is None:
        safe = Path(path).suffix in SAFETENSORS_SUFFIXES
        return 'safetensors' if safe else 'pth'
    if file_format not in FORMATS:
        raise UserError(
            f'{file_format}: no such format; choose one of '
            f'{", ".join(FORMATS)}'
        )
    return file_format


def safetensors_bytes(checkpoint: dict) -> bytes:
    """The content of a safetensors file, with the record in its header."""
    from safetensors.torch import save

    state = checkpoint.get('state_dict', checkpoint)
    record = checkpoint.get('meta', {}).get(METADATA_KEY)
    metadata = {'format': 'pt'}
    if record is not None:
        metadata[METADATA_KEY] = json.dumps(record)
    return save(
        {key: value.contiguous() for key, value in state.items()}, metadata
    )
