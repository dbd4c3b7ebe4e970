"""The two layouts of torch's files: an archive, and the one before it."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from cds_mm.checkpoint.safe.archive import Archive, check_count
from cds_mm.checkpoint.safe.finish import Finisher
from cds_mm.checkpoint.safe.limits import Allowance, Refused, RunsCode
from cds_mm.checkpoint.safe.machine import Instructions, Machine
from cds_mm.checkpoint.safe.names import allowed_names
from cds_mm.checkpoint.safe.tensors import Storage, storage_from

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_LONGEST_LINE = 1 << 20  # bytes, of the text instructions of a pickle

# Moves data to where it is wanted; gets the device that it was saved from.
Placer = Callable[[torch.UntypedStorage, str], torch.UntypedStorage]


def read_content(
    source: str | Path | bytes, place: Placer | None = None
) -> Any:
    """What a file of ``torch.save`` holds.

    Args:
        source: path of a regular file, or its content.
        place: moves each storage; everything is on the CPU without it.

    Returns:
        Tensors, containers and plain values; :class:`LogBuffer` and
        :class:`Method` for what MMEngine adds.

    Raises:
        Refused: it is damaged, or no such file.
        RunsCode: it names what is no part of a checkpoint.
        OSError: it cannot be opened.
    """
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), len(source), place)
    with open(source, 'rb') as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        return _read(file, size, place)


class Stream:
    """A file that asks for no more memory than it has bytes left."""

    def __init__(self, file: BinaryIO, size: int):
        self._file = file
        self._size = size

    @property
    def left(self) -> int:
        return self._size - self._file.tell()

    def read(self, count: int) -> bytes:
        return self._file.read(min(count, self.left))

    def readline(self) -> bytes:
        return self._file.readline(_LONGEST_LINE)


def _read(file: BinaryIO, size: int, place: Placer | None) -> Any:
    # As torch tells them apart.
    start = file.read(4)
    file.seek(0)
    allowance = Allowance(size)
    if start != b'PK\x03\x04':
        return _read_old(Stream(file, size), allowance, place)
    check_count(file, size)
    with _opened(file) as zipped:
        return _read_archive(Archive(zipped, allowance), allowance, place)


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise Refused('is truncated (its end is missing)') from error
    except Exception as error:  # whatever broken names and sizes lead to
        raise Refused('is damaged (its list of parts is)') from error


def _read_archive(
    archive: Archive, allowance: Allowance, place: Placer | None
) -> Any:
    storages: dict[str, Storage] = {}
    names = allowed_names(allowance)
    machine = Machine(
        names, lambda parts: storage_from(parts, storages), Instructions()
    )
    tree = machine.run(io.BytesIO(archive.pickle()))
    loaded: dict[str, torch.UntypedStorage] = {}

    def data(storage: Storage) -> torch.UntypedStorage:
        if storage.key not in loaded:
            whole = storages[storage.key]
            content = archive.data(whole.key, whole.size)
            loaded[whole.key] = _placed(content, whole, place)
        return loaded[storage.key]

    finished = Finisher(data).finish(tree)
    archive.check_rest()
    return finished


def _read_old(file: Stream, allowance: Allowance, place: Placer | None) -> Any:
    tree, loaded = read_parts(
        file, allowance, allowed_names(allowance), Instructions(), place
    )
    return Finisher(lambda storage: loaded[storage.key]).finish(tree)


def read_parts(
    file: Stream,
    allowance: Allowance,
    names: dict[str, Any],
    instructions: Instructions,
    place: Placer | None = None,
) -> tuple[Any, dict[str, torch.UntypedStorage]]:
    """The pickle of a file of the old layout, and its data by their keys.

    Args:
        file: stands at its start.
        allowance: of the file.
        names: that it may use, as of :func:`allowed_names`.
        instructions: left for it.
        place: moves each storage.

    Raises:
        Refused: it is damaged, or no such file.
    """
    storages: dict[str, Storage] = {}

    def refer(parts: Any) -> Any:
        return storage_from(parts, storages)

    def pickle() -> Any:
        return Machine(names, refer, instructions).run(file)

    _check_start(pickle)
    tree, keys = pickle(), pickle()
    if type(keys) is not list or {*map(str, keys)} != {*storages}:
        raise Refused('is damaged (its list of data is of another file)')
    loaded = {}
    for key in map(str, keys):
        storage = storages[key]
        allowance.take(storage.size)
        content = _old_data(file, storage)
        loaded[key] = _placed(content, storage, place)
    return tree, loaded


def _check_start(pickle: Callable[[], Any]) -> None:
    unreadable = Refused(
        'is not a checkpoint that torch can read, or is truncated',
        'give a .pth or .safetensors file, or copy it again',
    )
    try:
        magic = pickle()
    except RunsCode:
        raise
    except Refused as error:
        raise unreadable from error
    if magic != _MAGIC or pickle() != _PROTOCOL:
        raise unreadable
    system = pickle()
    if not isinstance(system, dict) or not system.get('little_endian'):
        raise Refused(
            'was written on a machine of another byte order',
            'save it again on a common one',
        )


def _old_data(file: Stream, storage: Storage) -> torch.Tensor:
    head = file.read(8)
    count = struct.unpack('<q', head)[0] if len(head) == 8 else -1
    if count != storage.count or storage.size > file.left:
        raise Refused('is truncated (its end is missing)')
    content = torch.empty(storage.size, dtype=torch.uint8)
    content.numpy().data[:] = file.read(storage.size)
    return content


def _placed(
    content: torch.Tensor, storage: Storage, place: Placer | None
) -> torch.UntypedStorage:
    data = content.untyped_storage()
    return data if place is None else place(data, storage.location)
