"""Annotations in XML, as of PASCAL VOC, before MMDetection reads them.

Its reader leaves boxes of unknown names out without a word, takes ``.jpg`` for
the suffix of every image, and names no file when one cannot be parsed.
"""

import os
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.fileio import list_from_file
from mmengine.registry import DATASETS, DefaultScope

from cds_mm.coco.leaf import Leaf
from cds_mm.coco.names import classes_setting, shown
from cds_mm.config import is_local
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

# From this share on a fault is that of the files and not of single boxes.
_MOST = 0.5
_SIDES = ('xmin', 'ymin', 'xmax', 'ymax')


@dataclass
class _Boxes:
    """Boxes of a data set: those of its classes, and others, by name."""

    source: str
    used: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    flat: list[str] = field(default_factory=list)


def check_xml_files(leaves: Sequence[Leaf], trains: bool) -> None:
    """Read the files of data sets of XML; others are left alone.

    Args:
        leaves: the data sets of a split.
        trains: whether it is trained on.

    Raises:
        UserError: a file is missing, cannot be parsed or lacks what is read;
            no box is of the classes; the images have another suffix.
    """
    found = []
    for leaf in leaves:
        boxes = _boxes_of(leaf)
        if boxes is not None:
            found.append((leaf, boxes))
    for leaf, boxes in found:
        _check_names(leaf, boxes)
        _check_areas(leaf, boxes)
    if not (trains and found and len(found) == len(leaves)):
        return
    used = sum((boxes.used for _, boxes in found), Counter[str]())
    empty = [name for name in leaves[0].classes or () if not used[name]]
    if used and empty:
        warn(
            f'train_dataloader: {shown(empty)} of metainfo.classes '
            f'{"have" if empty[1:] else "has"} no box in the training data '
            'and will never be detected; check the spelling, or take it out'
        )


def _boxes_of(leaf) -> _Boxes | None:
    dataset = _unread(leaf)
    if dataset is None or not leaf.classes:
        return None
    # The host says it where the list is missing.
    if not os.path.isfile(dataset.ann_file):
        return None
    names = list_from_file(dataset.ann_file)
    _check_suffix(leaf, dataset, names)
    boxes = _Boxes(dataset.ann_file)
    for name in names:
        folder = os.path.join(dataset.sub_data_root, dataset.ann_subdir)
        _read(leaf, os.path.join(folder, f'{name}.xml'), boxes)
    return boxes


def _unread(leaf: Leaf) -> Any:
    """The data set with nothing read, if it reads as MMDetection's class."""
    from mmdet.datasets import XMLDataset

    read = ('load_data_list', 'parse_data_info', '_parse_instance_info')
    kind = leaf.kind
    if not issubclass(kind, XMLDataset) or any(
        getattr(kind, name) is not getattr(XMLDataset, name) for name in read
    ):
        return None
    if not is_local(leaf.cfg.get('backend_args')):
        return None
    try:
        with DefaultScope.overwrite_default_scope('mmdet'):
            return DATASETS.build(dict(leaf.cfg, pipeline=[], lazy_init=True))
    except Exception:  # whatever a host's class raises, it will again
        return None


def _check_suffix(leaf, dataset, names):
    folder = Path(dataset.sub_data_root, dataset.img_subdir)
    if not names or (folder / f'{names[0]}.jpg').exists():
        return
    try:
        (other, *_) = folder.glob(f'{names[0]}.*')
    except (ValueError, OSError):  # said when all images are looked for
        return
    raise UserError(
        f'{leaf.place}: {other} is there, but {leaf.kind.__name__} reads '
        f'{names[0]}.jpg; convert the images to .jpg, or the annotations to '
        "COCO's format"
    )


def _read(leaf, path, boxes: _Boxes):
    try:
        root = ET.parse(path).getroot()
    except OSError as error:
        raise UserError(
            f'{path}: cannot be read ({error.strerror}), and is in the list '
            f'of {leaf.place}.ann_file: restore it, or take it out of the list'
        ) from error
    except ET.ParseError as error:
        raise UserError(
            f'{path}: is not valid XML ({error}); write or download it again'
        ) from error
    size = root.find('size')
    if size is not None:
        for key in ('width', 'height'):
            _number(path, size, key, int)
    classes = set(leaf.classes or ())
    for number, entry in enumerate(root.findall('object')):
        name = entry.findtext('name')
        if name is None:
            raise _lacks(path, f'object {number + 1}', 'name')
        if name not in classes:
            boxes.unknown[name] += 1
            continue
        box = entry.find('bndbox')
        if box is None:
            raise _lacks(path, f'object {number + 1} ({name})', 'bndbox')
        left, top, right, low = (_number(path, box, k, float) for k in _SIDES)
        if int(right) <= int(left) or int(low) <= int(top):
            boxes.flat.append(f'{path}, object {number + 1} ({name})')
        boxes.used[name] += 1


def _number(path, entry, key, kind) -> float:
    try:
        return kind(entry.findtext(key))
    except (TypeError, ValueError, OverflowError):
        raise _lacks(path, entry.tag, key) from None


def _lacks(path, place, key) -> UserError:
    return UserError(
        f'{path}: {place} has no <{key}> that can be read; write it as '
        'PASCAL VOC does'
    )


def _check_names(leaf, boxes):
    unknown = boxes.unknown.total()
    if not unknown:
        return
    total = boxes.used.total() + unknown
    names = [f'{n} {count:,}' for n, count in boxes.unknown.most_common()]
    if not boxes.used:
        fix = classes_setting([leaf.place], sorted(boxes.unknown))
        raise UserError(
            f'{leaf.place}: none of {total:,} boxes of {boxes.source} is of '
            f'metainfo.classes ({shown(leaf.classes)}), they are of '
            f'{shown(names)}; {fix}'
        )
    warn(
        f'{leaf.place}: {unknown:,} of {total:,} boxes of {boxes.source} have '
        f'names that are not in metainfo.classes ({shown(names)}) and are '
        'left out; correct the names, or add them to the classes'
    )


def _check_areas(leaf, boxes):
    if not boxes.flat:
        return
    used = boxes.used.total()
    said = (
        f'{boxes.flat[0]}: has no area, as {len(boxes.flat):,} of {used:,} '
        f'boxes of {leaf.place}'
    )
    if len(boxes.flat) > _MOST * used:
        raise UserError(
            f'{said}; write xmin, ymin, xmax and ymax in pixels of the image'
        )
    warn(f'{said}; correct them, or take them out')
