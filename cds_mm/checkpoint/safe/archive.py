"""The parts of torch's zip archives, with their checksums looked at."""

import copy
import struct
import zipfile
from typing import BinaryIO

import torch

from cds_mm.checkpoint.safe.limits import (
    MAX_PARTS,
    MAX_PLAIN_BYTES,
    Allowance,
    Refused,
)

_CHUNK = 16 << 20  # bytes
_ENCRYPTED = 1
# The end of an archive: its marker, and where the number of parts is in it;
# then the same for an archive of many parts.
_END, _COUNT_AT = b'PK\x05\x06', 10
_LARGE_END, _LARGE_COUNT_AT = b'PK\x06\x06', 32
_TAIL = 66_000  # bytes in which the end is


def check_count(file: BinaryIO, size: int) -> None:
    """Look how many parts an archive has, before they are listed.

    Args:
        file: open; where it stands does not matter.
        size: of the file, bytes.

    Raises:
        Refused: far more than a checkpoint has.
    """
    file.seek(max(0, size - _TAIL))
    tail = file.read(_TAIL)
    counts = [0]
    for marker, place, form in (
        (_END, _COUNT_AT, '<H'),
        (_LARGE_END, _LARGE_COUNT_AT, '<Q'),
    ):
        at = tail.rfind(marker)
        if at >= 0 and len(tail) >= at + place + struct.calcsize(form):
            counts += struct.unpack_from(form, tail, at + place)
    # Of a large archive the first of them only says that it is large.
    if counts[-1] > MAX_PARTS:
        raise Refused(
            f'has {counts[-1]:,} parts, far more than a checkpoint',
            'do not use it',
        )


class Archive:
    """A zip archive as ``torch.save`` writes it.

    Args:
        zipped: open.
        allowance: of the file; all parts together are taken from it.

    Raises:
        Refused: it is something else, or unpacks to far more than it is.
    """

    def __init__(self, zipped: zipfile.ZipFile, allowance: Allowance):
        self._zipped = zipped
        infos = zipped.infolist()
        allowance.take(sum(info.file_size for info in infos))
        self._parts = {info.filename: info for info in infos}
        if len(self._parts) < len(infos):
            raise Refused('has two parts of one name', 'do not use it')
        if any(info.flag_bits & _ENCRYPTED for info in infos):
            raise Refused('is encrypted', 'save it again with torch.save')
        # Some save without: torch.serialization.set_crc32_options(False).
        self._summed = any(info.CRC for info in infos)
        self._folder = self._find_folder()
        self._check_order()

    def _find_folder(self) -> str:
        found = [n for n in self._parts if n.endswith('/data.pkl')]
        if len(found) != 1 or found[0].count('/') != 1:
            raise Refused(
                'cannot be read as a checkpoint (a zip archive without one '
                'data.pkl)',
                'save it again with torch.save(state_dict, path)',
            )
        folder = found[0].partition('/')[0]
        if f'{folder}/constants.pkl' in self._parts:
            raise Refused(
                'is a TorchScript program and no checkpoint',
                'save its state_dict with torch.save',
            )
        return folder

    def _check_order(self) -> None:
        name = f'{self._folder}/byteorder'
        if name in self._parts and self._read(name, 16) != b'little':
            raise Refused(
                'was written on a machine of another byte order',
                'save it again on a common one',
            )

    def pickle(self) -> bytes:
        """The part that says what the others are."""
        return self._read(f'{self._folder}/data.pkl', MAX_PLAIN_BYTES)

    def data(self, key: str, size: int) -> torch.Tensor:
        """The bytes of a storage.

        Args:
            key: of the storage.
            size: bytes that it is said to have.

        Raises:
            Refused: it has others, or is damaged.
        """
        name = f'{self._folder}/data/{key}'
        if name not in self._parts:
            raise Refused(f'is damaged (its part {name[:60]!a} is missing)')
        if self._parts[name].file_size != size:
            raise Refused(
                f'is damaged (its part {name[:60]!a} has a wrong size)'
            )
        content = torch.empty(size, dtype=torch.uint8)
        self._fill(name, content.numpy().data)
        return content

    def check_rest(self) -> None:
        """Look at the checksums of what nothing referred to."""
        for name in [*self._parts]:
            self._fill(name, None)

    def _read(self, name: str, most: int) -> bytes:
        size = self._parts[name].file_size
        if size > most:
            raise Refused(
                f'has {size >> 20} MB beside its tensors', 'do not use it'
            )
        content = bytearray(size)
        self._fill(name, memoryview(content))
        return bytes(content)

    def _fill(self, name: str, target: memoryview | None) -> None:
        """Reads a part to its end, which is where its checksum is tested."""
        info = copy.copy(self._parts.pop(name))
        if not self._summed:
            del info.CRC
        position = 0
        try:
            with self._zipped.open(info) as file:
                while chunk := file.read(_CHUNK):
                    if target is not None:
                        target[position : position + len(chunk)] = chunk
                    position += len(chunk)
        except zipfile.BadZipFile as error:
            raise Refused(
                f'is damaged (the checksum of its part {name[:60]!a} is wrong)'
            ) from error
        except Exception as error:  # an unknown or broken compression
            raise Refused(
                f'is damaged (its part {name[:60]!a} cannot be unpacked)'
            ) from error
        if position != info.file_size:
            raise Refused(
                f'is truncated (its part {name[:60]!a} is not whole)'
            )
