"""Whether the folders of classes are where a data set looks for them.

One folder too deep or too high and all images are of one class, which a
network learns to 100 %.
"""

import os
from collections import defaultdict
from collections.abc import Iterable

from mmpretrain.datasets import CustomDataset

from cds_mm.data.class_names import plain_name
from cds_mm.data.image_files import is_passed_over
from cds_mm.data.labels import leaf_datasets
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

# What parts of a data set are called; as classes they are improbable, and in
# a set of nothing else they are none.
_SPLITS = frozenset(
    'train training trainval val valid validation dev eval test testing '
    'unlabelled unlabeled extra'.split()
)
# Images that show how deep the folders are; all of ImageNet takes seconds.
_LOOKED_AT = 20_000
_SHOWN = 3


def check_folder_depth(leaf, place: str) -> None:
    """See that the folders that are taken for classes are classes.

    Nothing is said of data sets whose labels are from a file, or whose
    classes have other names in the config than their folders.

    Args:
        leaf: a built data set, no wrapper.
        place: its key in the config.

    Raises:
        UserError: all images are in one folder, which holds the folders of
            the classes; or the folders are the splits of a data set.
    """
    if not _takes_folders(leaf):
        return
    classes = leaf.metainfo['classes']
    foreign = [name for name in classes if is_passed_over(name)]
    if foreign:  # ClassFolder has none of them
        raise UserError(
            f'{place}: the folder {foreign[0]!r} of {leaf.img_prefix} is '
            'taken for a class; remove it, or set '
            f'{place}.type=ClassFolder, which passes it over'
        )
    _warn_of_spellings(leaf, classes, place)
    inside = _folders_inside(leaf)
    if set(inside) != set(classes):
        return
    if len(inside) == 1:
        _check_only_folder(leaf, *next(iter(inside.items())), place)
    elif all(inside.values()):
        _check_outer_folders(leaf, inside, place)


def check_several_classes(dataset, place: str) -> None:
    """See that there is something to tell apart.

    Args:
        dataset: a built data set, wrapped or not.
        place: its key in the config.

    Raises:
        UserError: its folders are one class.
    """
    leaves = leaf_datasets(dataset)
    if not all(map(_takes_folders, leaves)):
        return
    names = {name for leaf in leaves for name in leaf.metainfo['classes']}
    if len(names) == 1:
        leaf = leaves[0]
        raise UserError(
            f'{place}: {leaf.img_prefix} holds one class, {min(names)!r}, so '
            'there is nothing to learn; set its data_root (and split) to the '
            'folder that holds one folder for each class'
        )


def folder_above(folder: str) -> str:
    """Advice for a folder of images that is one class of several; '' if not.

    Args:
        folder: a local one that holds images and no folders.
    """
    path = os.path.abspath(folder)
    above = os.path.dirname(path)
    try:
        with os.scandir(above) as entries:
            folders = [e.name for e in entries if _is_shown_folder(e)]
    except OSError:
        return ''
    if len(folders) < 2 or os.path.basename(path).lower() in _SPLITS:
        return ''
    return (
        f'; if {os.path.basename(path)!r} is one class of several, set '
        f'data_root (and split) to {above}'
    )


def _is_shown_folder(entry) -> bool:
    return not is_passed_over(entry.name) and entry.is_dir()


def _takes_folders(leaf) -> bool:
    """Whether labels follow from folders alone."""
    if not isinstance(leaf, CustomDataset) or leaf.ann_file:
        return False
    if getattr(leaf, 'class_from', 'folder') != 'folder':
        return False
    return bool(leaf.with_label and leaf.metainfo.get('classes'))


def _folders_inside(leaf) -> dict[str, set[str]]:
    """Of each class folder: the folders in it that hold its images.

    Empty for one that holds images itself.
    """
    inside: dict[str, set[str]] = defaultdict(set)
    flat = set()
    for parts in _paths(leaf):
        if len(parts) > 2:
            inside[parts[0]].add(parts[1])
        else:
            flat.add(parts[0])
    return dict(inside) | {name: set() for name in flat}


def _paths(leaf) -> Iterable[list[str]]:
    step = max(1, len(leaf) // _LOOKED_AT)
    for place in range(0, len(leaf), step):
        path = leaf.get_data_info(place)['img_path']
        yield os.path.relpath(path, leaf.img_prefix or '.').split(os.sep)


def _warn_of_spellings(leaf, classes, place):
    first: dict[str, str] = {}
    for name in classes:
        other = first.setdefault(plain_name(name), name)
        if other != name:
            warn(
                f'{place}: the class folders {ascii(other)} and {ascii(name)} '
                f'of {leaf.img_prefix} differ in spelling alone; if they are '
                'one class, put their images into one folder'
            )


def _check_only_folder(leaf, name, inside, place):
    if len(inside) > 1:
        folder = os.path.join(leaf.img_prefix, name)
        raise UserError(
            f'{place}: the only class folder of {leaf.img_prefix} is '
            f'{name!r}, which holds {len(inside)} folders of images '
            f'({_some(inside)}); set {_way(leaf, folder, place)}'
        )


def _check_outer_folders(leaf, inside, place):
    (first, *others) = sorted(inside)
    if {name.lower() for name in inside} <= _SPLITS:
        wanted = next((n for n in inside if n.startswith('train')), first)
        folder = os.path.join(leaf.img_prefix, wanted)
        raise UserError(
            f'{place}: the class folders of {leaf.img_prefix} are called '
            f'{_some(inside)}, which are splits of a data set and no classes; '
            f'set {_way(leaf, folder, place)}'
        )
    same = inside[first]
    if len(same) > 1 and all(inside[name] == same for name in others):
        warn(
            f'{place}: the {len(inside)} class folders of {leaf.img_prefix} '
            f'({_some(inside)}) hold the same folders ({_some(same)}); if '
            'those are the classes, write an annotation file, or join one '
            'data set for each outer folder with ConcatDataset'
        )


def _way(leaf, folder, place) -> str:
    """The setting that makes a folder the one that holds the classes."""
    inside = os.path.relpath(folder, leaf.data_root or '.')
    if leaf.data_root and not inside.startswith('..'):
        # It counts before `split`, where both are given.
        return f'{place}.data_prefix={inside}'
    return f'{place}.data_root={folder}'


def _some(names) -> str:
    shown = ', '.join(sorted(names)[:_SHOWN])
    return shown + ', ...' * (len(names) > _SHOWN)
