"""Reads all images of a data set in parallel, to find those that are broken.

Each goes through the data set's own loader, so what is found is what a run
would meet; what is known from an earlier scan is not read again.
"""

import copy
import hashlib
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np

from cds_mm.config import is_local
from cds_mm.data.image_cache import ImageCache, ImageFacts
from cds_mm.data.labels import built_steps
from cds_mm.errors import first_line
from cds_mm.quiet import quiet_decoders

# So many images are read before a run without being asked to.
AUTOMATIC = 20_000
# Above that not even the times of known files are looked at: for ImageNet on
# a file server that takes minutes.
_TRUSTED = 200_000
_THREADS = 32
# Bits of a look: whether a cell is brighter than its neighbour, 8 x 8.
_CELLS = (9, 8)


class OtherSize(NamedTuple):
    """An image whose size differs from what its annotation says.

    Attributes:
        path: of the image.
        stated, loaded: width and height in pixels.
    """

    path: str
    stated: tuple[int, int]
    loaded: tuple[int, int]


@dataclass
class Scan:
    """What a scan of one data set has found.

    Attributes:
        images: how many the data set has.
        complete: whether all of them were looked at.
        step: place of the loader in the pipeline.
        kind: class of the loader.
        skips: whether the loader skips what it cannot read.
        skips_missing: whether it skips files that are not there.
        missing: paths of files that are not there.
        unreadable: paths and causes.
        other_size: images with objects whose size is not as stated.
        sizes: (n, 2) width and height of those that were read, in pixels.
        digests: of each file in the order of the data set; '' where it was
            not read.
    """

    images: int
    complete: bool = False
    step: int = 0
    kind: str = ''
    skips: bool = False
    skips_missing: bool = False
    missing: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    other_size: list[OtherSize] = field(default_factory=list)
    sizes: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    digests: list[str] = field(default_factory=list)


def scan_images(leaf: Any, limit: int | None = AUTOMATIC) -> Scan:
    """Look at all images of a built data set that holds files.

    Args:
        leaf: a built data set, not a wrapper.
        limit: most images to read; more than that are not looked at, unless
            an earlier scan has. None reads any number.
    """
    scan = Scan(images=len(leaf))
    found = _loader(leaf)
    if found is None or not len(leaf):
        return scan
    scan.step, loader = found
    scan.kind = type(loader).__name__
    scan.skips = getattr(loader, 'on_error', None) == 'skip'
    scan.skips_missing = scan.skips or getattr(loader, 'ignore_empty', False)
    first = leaf.get_data_info(0).get('img_path')
    if not isinstance(first, str) or _is_remote(loader, first):
        return scan
    if limit is not None and len(leaf) > limit:
        scanned = _earlier_scan(leaf, loader)
        if not scanned or (len(leaf) > _TRUSTED and not scanned.has_errors):
            scan.complete = bool(scanned)
            return scan
    infos = [_Info.of(leaf.get_data_info(i)) for i in range(len(leaf))]
    facts = _facts(leaf, [info.path for info in infos], loader)
    scan.digests = [fact.digest if fact else '' for fact in facts]
    sizes = []
    for info, fact in zip(infos, facts, strict=True):
        if fact is None:
            scan.missing.append(info.path)
        elif fact.error:
            scan.unreadable.append((info.path, fact.error))
        else:
            loaded = (fact.width, fact.height)
            sizes.append(loaded)
            if info.size and info.is_other(loaded):
                scan.other_size.append(OtherSize(info.path, info.size, loaded))
    scan.sizes = np.array(sizes, dtype=float).reshape(-1, 2)
    scan.complete = True
    return scan


class _Info(NamedTuple):
    path: str
    size: tuple[int, int] | None
    has_objects: bool

    @classmethod
    def of(cls, record: dict) -> '_Info':
        width, height = record.get('width'), record.get('height')
        size = None
        if isinstance(width, int) and isinstance(height, int):
            size = width, height
        return cls(record['img_path'], size, bool(record.get('instances')))

    def is_other(self, loaded: tuple[int, int]) -> bool:
        """Whether boxes would be in another place than was meant."""
        if not self.size or not self.has_objects:
            return False
        # A pixel less comes from rounding, and moves no box.
        return any(
            abs(a - b) > 1 + 0.01 * b
            for a, b in zip(self.size, loaded, strict=True)
        )


def _loader(leaf) -> tuple[int, Any] | None:
    """The step that reads the files, and its place."""
    for place, step in enumerate(built_steps(leaf)):
        name = type(step).__name__
        if name.startswith('Load') and name.endswith(('Image', 'FromFile')):
            return place, step
    return None


def _is_remote(loader, path) -> bool:
    backend_args = getattr(loader, 'backend_args', None)
    return '://' in path or not is_local(backend_args)


def _strict(loader) -> Callable[[dict], dict | None]:
    """The loader, at full size and raising what it may skip otherwise."""
    twin = copy.copy(loader)
    for name, value in (
        ('skips', None),
        ('keep_pixels', None),
        ('ignore_empty', False),
    ):
        if hasattr(twin, name):
            setattr(twin, name, value)
    return twin.transform


def _cache(leaf, loader) -> ImageCache:
    # By what decides whether a file can be read, and how large it is then.
    known = {
        name: getattr(loader, name, None)
        for name in ('color_type', 'imdecode_backend', 'white')
    }
    return ImageCache(_folder(leaf), f'{type(loader).__name__} {known}')


def _folder(leaf) -> str:
    """Where its images are; the same whichever of them are looked at."""
    prefix = getattr(leaf, 'data_prefix', None) or {}
    if isinstance(prefix, dict):
        prefix = prefix.get('img') or prefix.get('img_path') or ''
    root = getattr(leaf, 'img_prefix', None) or prefix
    if not root:
        root = os.path.dirname(leaf.get_data_info(0)['img_path'])
    return os.path.abspath(root)


def _earlier_scan(leaf, loader) -> ImageCache | None:
    """The cache, if it has as many images."""
    cache = _cache(leaf, loader)
    return cache if len(cache) >= len(leaf) else None


def _facts(leaf, paths: list[str], loader) -> list[ImageFacts | None]:
    """Facts of each file in order; none where there is no file."""
    cache = _cache(leaf, loader)
    read = _strict(loader)

    def look(path: str):
        try:
            status = os.stat(path)
        except OSError:
            return None, None, False
        if not stat.S_ISREG(status.st_mode):  # a pipe would never end
            kind = 'a folder' if os.path.isdir(path) else 'a pipe or a device'
            return ImageFacts(error=f'it is {kind}'), None, True
        known = cache.find(path, status)
        if known is not None:
            return known, status, True
        return _read(path, read), status, False

    threads = min(_THREADS, len(os.sched_getaffinity(0)))
    with quiet_decoders(), ThreadPoolExecutor(threads) as pool:
        found = [*pool.map(look, paths)]
    for path, (facts, status, is_known) in zip(paths, found, strict=True):
        if facts is not None and not is_known:
            cache.remember(path, status, facts)
    cache.save()
    return [facts for facts, _, _ in found]


def _read(path: str, read) -> ImageFacts:
    try:
        with open(path, 'rb') as file:
            digest = hashlib.blake2b(file.read(), digest_size=16).hexdigest()
        image = read({'img_path': path})['img']
    except Exception as error:  # whatever a decoder raises
        return ImageFacts(error=_cause(error, path))
    height, width = image.shape[:2]
    return ImageFacts('', width, height, digest, _look(image))


def _cause(error: Exception, path: str) -> str:
    text = first_line(error).removeprefix(f'{path}: ')
    text = text.removeprefix('not a whole image (').partition(';')[0]
    return text.replace(f': {path}', '').replace(path, 'it').rstrip(')')


def _look(image: np.ndarray) -> str:
    small = cv2.resize(image, _CELLS, interpolation=cv2.INTER_AREA)
    grey = small.reshape(*small.shape[:2], -1).mean(axis=2)
    bits = np.packbits(grey[:, 1:] > grey[:, :-1])
    return bits.tobytes().hex()
