"""Finds the image files below a folder, and says what it leaves out."""

import logging
import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import PurePath

from mmengine import fileio
from mmengine.logging import print_log
from PIL import Image

from cds_mm.run_warnings import warn

# Those of MMPretrain's CustomDataset, and three more that are as common.
IMAGE_SUFFIXES = (
    '.jpg',
    '.jpeg',
    '.jfif',
    '.png',
    '.webp',
    '.bmp',
    '.ppm',
    '.pgm',
    '.tif',
    '.tiff',
)
# Lists and notes that lie beside images.
_NO_IMAGES = frozenset(
    '.txt .md .csv .tsv .json .xml .yaml .yml .html .htm .log .ini .db .mat '
    '.npy .npz .pkl .py .sh .zip .tar .gz .pdf .rst .toml .cfg'.split()
)
_SHOWN = 3
# Folders that systems and file servers put beside the images; that of Synology
# holds a thumbnail of each.
_OF_SYSTEMS = frozenset(
    (
        '__macosx',
        '@eadir',
        '#recycle',
        '$recycle.bin',
        'system volume information',
        'lost+found',
    )
)


def is_passed_over(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or the system's."""
    return name.startswith('.') or name.lower() in _OF_SYSTEMS


class ImageFiles:
    """The image files below a folder, at any depth.

    What is hidden, and folders of the system, are passed over.  Links are
    followed, but none that leads back to a folder that it is in.

    Args:
        folder: in any place that MMEngine's backends read.
        suffixes: of images, in lower case.

    Attributes:
        left_out: of the last complete pass: how many other files there are
            of each suffix.
        broken: of the last complete pass: links that lead nowhere, or back.
    """

    def __init__(self, folder: str, suffixes: Collection[str]):
        self.folder = folder
        self.suffixes = tuple(suffixes)
        self.left_out: Counter[str] = Counter()
        self.broken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        """Iterate over paths relative to the folder, in no order."""
        left_out: Counter[str] = Counter()
        broken: list[str] = []
        for path, leads_somewhere in self._files():
            if not leads_somewhere:
                broken.append(path)
            elif path.lower().endswith(self.suffixes):
                yield path
            else:
                left_out[PurePath(path).suffix.lower()] += 1
        self.left_out, self.broken = left_out, sorted(broken)

    def report(self, images: int, loose: int = 0) -> None:
        """Say in one line what the last pass has left out, if anything.

        Args:
            images: how many were taken.
            loose: how many were not, as they are in no class folder.
        """
        others = self.left_out.total()
        count = others + len(self.broken) + loose
        if not count:
            return
        parts = []
        if others:
            kinds = ', '.join(
                f'{suffix or "no suffix"} {number}'
                for suffix, number in sorted(
                    self.left_out.items(), key=lambda kind: (-kind[1], kind[0])
                )
            )
            parts.append(f'{others} of other suffixes ({kinds})')
        if self.broken:
            named = ', '.join(self.broken[:_SHOWN])
            more = ', ...' if self.broken[_SHOWN:] else ''
            parts.append(f'{len(self.broken)} broken links ({named}{more})')
        if loose:
            parts.append(f'{loose} in no class folder')
        line = (
            f'{self.folder.rstrip(os.sep)}: {count} of {count + images} files '
            'were left out: '
            f'{", ".join(parts)}'
        )
        if loose or self.broken or set(self.left_out) - _NO_IMAGES:
            advice = '; move those into one' if loose else ''
            warn(line + self._advice() + advice)
        else:
            print_log(line, 'current', logging.INFO)

    def _advice(self) -> str:
        readable = sorted(_readable() & set(self.left_out) - _NO_IMAGES)
        advice = ''
        if readable:
            wanted = ','.join([*sorted(self.suffixes), *readable])
            advice += f'; to read {", ".join(readable)} too, set '
            advice += f'extensions=[{wanted}] of the dataset'
        if self.broken:
            advice += '; restore what the links lead to, or remove them'
        return advice

    def _files(self) -> Iterator[tuple[str, bool]]:
        if '://' not in self.folder:
            yield from _walk(self.folder, '', (os.path.realpath(self.folder),))
            return
        for path in fileio.list_dir_or_file(
            self.folder, list_dir=False, recursive=True
        ):
            path = path.replace('/', os.sep)
            if not any(map(is_passed_over, path.split(os.sep))):
                yield path, True


def _walk(root: str, inside: str, above: tuple[str, ...]):
    """Files below a local folder, and whether they lead somewhere."""
    folders = []
    with os.scandir(os.path.join(root, inside)) as entries:
        for entry in entries:
            if is_passed_over(entry.name):
                continue
            path = os.path.join(inside, entry.name)
            if entry.is_dir():
                folders.append(path)
            elif entry.is_file():
                yield path, True
            elif entry.is_symlink():
                yield path, False
    for path in folders:
        real = os.path.realpath(os.path.join(root, path))
        if real in above:
            yield path, False
        else:
            yield from _walk(root, path, (*above, real))


def _readable() -> set[str]:
    """Suffixes of the formats that Pillow opens."""
    Image.init()
    return {
        suffix
        for suffix, name in Image.registered_extensions().items()
        if name in Image.OPEN
    }
