"""How the fine-grained data sets lie on the disk when they are unpacked."""

import contextlib
import os
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from mmengine import fileio
from mmpretrain.datasets import CUB, FGVCAircraft, Flowers102, StanfordCars

from cds_mm.data.stanford_dogs import StanfordDogs
from cds_mm.errors import UserError

# Names in a message, so that it stays one line.
_SHOWN = 4


class Layout(NamedTuple):
    """What has to be in ``data_root``, whichever split is read.

    Attributes:
        title: name of the data set.
        sources: the files to download.
        ways: the accepted layouts; paths with a slash at the end are folders.
            The first way whose last file is there counts, or else the last
            way, as the data set itself chooses.
    """

    title: str
    sources: str
    ways: tuple[tuple[str, ...], ...]


LAYOUTS = {
    CUB: Layout(
        'CUB-200-2011',
        'CUB_200_2011.tgz',
        (
            (
                'images/',
                'images.txt',
                'image_class_labels.txt',
                'train_test_split.txt',
            ),
        ),
    ),
    StanfordCars: Layout(
        'Stanford Cars',
        # The labels of the test set are not in the devkit's archive.
        'cars_train.tgz, cars_test.tgz, car_devkit.tgz and, into devkit/, '
        'cars_test_annos_withlabels.mat',
        (
            ('car_ims/', 'cars_annos.mat'),
            (
                'cars_train/',
                'cars_test/',
                'devkit/cars_train_annos.mat',
                'devkit/cars_test_annos_withlabels.mat',
            ),
        ),
    ),
    Flowers102: Layout(
        'Oxford Flowers 102',
        '102flowers.tgz, imagelabels.mat and setid.mat',
        (('jpg/', 'imagelabels.mat', 'setid.mat'),),
    ),
    StanfordDogs: Layout(
        'Stanford Dogs',
        'images.tar and lists.tar',
        (
            ('Images/', 'lists/train_list.mat', 'lists/test_list.mat'),
            ('Images/', 'train_list.mat', 'test_list.mat'),
        ),
    ),
    FGVCAircraft: Layout(
        'FGVC-Aircraft',
        'fgvc-aircraft-2013b.tar.gz',
        (
            (
                'data/images/',
                'data/images_variant_trainval.txt',
                'data/images_variant_test.txt',
            ),
        ),
    ),
}


def layout_of(cls: type) -> Layout | None:
    """The layout of a class of data sets, if it has one."""
    found = (LAYOUTS[kind] for kind in LAYOUTS if issubclass(cls, kind))
    return next(found, None)


def check_layout(layout: Layout, root: str) -> None:
    """Compare a folder with a layout.

    Raises:
        UserError: something is missing; it names that, what belongs there,
            what is there, and the folder next to it that would do, if any.
            Or a folder holds nothing but a folder of its own name.
    """
    missing = _missing(_way(layout, root), root)
    if not missing:
        _check_doubled(layout, root)
        return
    cause, found = 'no such folder', ''
    if fileio.isdir(root):
        cause, found = f'no {missing[0]}', f'found {_names(root)}: '
    raise UserError(
        f'{root}: {cause}; {layout.title} as downloaded has '
        f'{_expected(layout, root)}; {found}{_mend(layout, root)}'
    )


def _check_doubled(layout: Layout, root: str) -> None:
    """Some copies of these sets have images/images/, others do not."""
    for path in _way(layout, root):
        if not path.endswith('/'):
            continue
        name = os.path.basename(path.rstrip('/'))
        folder = fileio.join_path(root, path)
        # The first two entries: there may be thousands.
        if list(islice(fileio.list_dir_or_file(folder), 2)) == [name]:
            raise UserError(
                f'{folder}: holds nothing but another {name}/; move what is '
                'in that one folder up'
            )


def _mend(layout: Layout, root: str) -> str:
    if not all(_missing(way, root) for way in layout.ways):
        return f'take {_way(layout, root)[-1]} away, the rest will do'
    for folder in _near(root):
        if not _missing(_way(layout, folder), folder):
            return f'set data_root={folder}'
    return f'unpack {layout.sources} there, or set data_root to where it is'


def _way(layout: Layout, root: str) -> tuple[str, ...]:
    chosen = (way for way in layout.ways if _is_there(root, way[-1]))
    return next(chosen, layout.ways[-1])


def _missing(way: tuple[str, ...], root: str) -> list[str]:
    return [path for path in way if not _is_there(root, path)]


def _is_there(root: str, path: str) -> bool:
    there = fileio.isdir if path.endswith('/') else fileio.isfile
    return there(fileio.join_path(root, path))


def _expected(layout: Layout, root: str) -> str:
    wanted = _way(layout, root)
    ways = [wanted, *(way for way in layout.ways if way != wanted)]
    return ', or '.join(', '.join(way) for way in ways)


def _near(root: str) -> Iterator[str]:
    """Where archives with a folder of their own put things."""
    yield os.path.normpath(os.path.join(root, os.pardir))
    inside = [fileio.join_path(root, name) for name in _folders(root)]
    yield from inside
    for folder in inside:
        for name in _folders(folder):
            yield fileio.join_path(folder, name)


def _folders(root: str) -> list[str]:
    # A folder such as lost+found cannot be listed by everybody.
    with contextlib.suppress(OSError):
        names = fileio.list_dir_or_file(root, list_file=False)
        return sorted(name for name in names if not name.startswith('.'))
    return []


def _names(root: str) -> str:
    files = fileio.list_dir_or_file(root, list_dir=False)
    names = [f'{name}/' for name in _folders(root)] + sorted(files)
    more = len(names) - _SHOWN
    shown = ', '.join(names[:_SHOWN]) or 'nothing'
    return f'{shown} and {more} more' if more > 0 else shown
