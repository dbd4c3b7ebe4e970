"""What is known of the images of a folder, kept between runs."""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

from cds_mm.errors import UserError
from cds_mm.files import atomic_write

_VERSION = 1


class ImageFacts(NamedTuple):
    """What reading an image file has shown.

    Attributes:
        error: why it cannot be read; empty if it can.
        width, height: as the loader hands it out, in pixels; 0 if unread.
        digest: BLAKE2 of the file, 32 hexadecimal digits.
        look: 64 bits, 16 hexadecimal digits, that differ in few places
            between pictures that look alike.
    """

    error: str = ''
    width: int = 0
    height: int = 0
    digest: str = ''
    look: str = ''


class ImageCache:
    """Facts of the images under a folder, each valid for a size and a time.

    In ``~/.cache/cds_mm/images``, or ``images`` of :func:`cache_folder`, so a
    folder of images is never written to.  Where the cache cannot be written
    everything works, and is read again the next time.

    Args:
        folder: above all of the images.
        loader: what reads them, in words; another one may fail elsewhere.
    """

    def __init__(self, folder: str, loader: str):
        self._folder = os.path.abspath(folder)
        self._loader = loader
        key = f'{self._folder}\n{loader}'.encode()
        name = f'{Path(self._folder).name or "root"}-{_digest(key)[:16]}.json'
        self.path = cache_folder() / 'images' / name
        self._entries = self._read()
        self._changed = False

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def has_errors(self) -> bool:
        """Whether some file could not be read."""
        return any(
            ImageFacts(*entry[2:]).error for entry in self._entries.values()
        )

    def find(self, path: str, status: os.stat_result) -> ImageFacts | None:
        """What is known of a file that has this size and time."""
        entry = self._entries.get(self._name(path))
        if entry is None or entry[:2] != [status.st_size, status.st_mtime_ns]:
            return None
        return ImageFacts(*entry[2:])

    def remember(
        self, path: str, status: os.stat_result, facts: ImageFacts
    ) -> None:
        """Take up what has been read."""
        self._entries[self._name(path)] = [
            status.st_size,
            status.st_mtime_ns,
            *facts,
        ]
        self._changed = True

    def save(self) -> None:
        """Write what is new, for the next run; do without if it cannot be."""
        if not self._changed:
            return
        content = {
            'version': _VERSION,
            'folder': self._folder,
            'loader': self._loader,
            'images': self._entries,
        }
        # No home, a full disk, another user's folder: there is no cache then.
        with contextlib.suppress(OSError, UserError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(self.path, json.dumps(content).encode())
            self._changed = False

    def _name(self, path):
        return os.path.relpath(os.path.abspath(path), self._folder)

    def _read(self) -> dict[str, list]:
        try:
            content = json.loads(self.path.read_bytes())
            if content['version'] == _VERSION:
                return dict(content['images'])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return {}


def cache_folder() -> Path:
    """Where this project keeps what it can find out again.

    ``$CDS_MM_CACHE``, ``$XDG_CACHE_HOME/cds_mm`` or ``~/.cache/cds_mm``.
    """
    own = os.environ.get('CDS_MM_CACHE')
    if own:
        return Path(own)
    root = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return Path(root) / 'cds_mm'


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
