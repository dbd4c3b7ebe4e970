"""Whether the entries of an annotation file have what is read of them."""

from collections import Counter
from collections.abc import Hashable, Set

from cds_mm.coco.annotations import Annotations
from cds_mm.coco.reading import shown_value
from cds_mm.errors import UserError

_FIXES = {
    'area': 'add it (w * h for boxes)',
    'bbox': 'write it as [x, y, width, height] in pixels',
    'iscrowd': 'add "iscrowd": 0, without which the evaluation fails',
    'width': 'add width and height in pixels',
    'height': 'add width and height in pixels',
    'id': 'number them',
    'file_name': 'add the name of the image file',
    'image_id': 'add the id of its image',
    'category_id': 'add the id of its category',
    'name': 'add the name of the class',
}
_NUMBER = 'write a number, without quotes'
_FIXES_OF_VALUES = {
    'area': _NUMBER,
    'bbox': 'write it as [x, y, width, height] in pixels, without quotes',
    'iscrowd': 'write 0 or 1, without quotes',
    'ignore': 'write 0 or 1, without quotes',
    'width': _NUMBER,
    'height': _NUMBER,
    'id': _NUMBER,
    'file_name': 'write the name of the image file, in quotes',
    'image_id': 'write the id of its image',
    'category_id': 'write the id of its category',
    'name': 'write the name of the class, in quotes',
}


def check_entries(
    place: str,
    file: Annotations,
    by_name: bool,
    unread: Set[str] = frozenset(),
    optional: Set[str] = frozenset(),
) -> None:
    """Refuse a file that lacks what MMDetection reads.

    Args:
        place: the key of its reader in the config.
        file: the annotations.
        by_name: whether the reader is one of this project.
        unread: keys that it does not read.
        optional: keys that it does not need, such as ``iscrowd`` where
            nothing is evaluated.

    Raises:
        UserError: a section or a key is missing, a value is of the wrong
            kind, an id is not unique, or is text in one place and a number
            in another.
    """
    if file.has_bom and not by_name:
        raise UserError(
            f'{place}: {file.path} starts with a byte order mark, which '
            'MMDetection does not read; save it as UTF-8 without one, or '
            f'set {place}.type=cds_mm.Named'
            f'{"CocoMetric" if "evaluator" in place else "CocoDataset"}'
        )
    for section in ('images', 'categories'):
        if section not in file.sections:
            raise UserError(
                f'{place}: {file.path} has no {section!r} at its top; it is '
                "no annotation file in COCO's format for object detection"
            )
    if not file.image_ids:
        raise UserError(
            f'{place}: {file.path} lists no images; check ann_file'
        )
    for fault in file.faults:
        needed = fault.is_malformed or fault.key not in optional
        if needed and fault.key not in unread:
            _refuse(file, fault)
    _check_ids(file, 'images', file.image_ids)
    _check_ids(file, 'annotations', file.box_ids)
    categories = [key for key, _ in file.categories]
    _check_ids(file, 'categories', categories)
    _check_spelling(file, 'image_id', file.box_images, file.image_ids)
    _check_spelling(file, 'category_id', file.box_categories, categories)


def _refuse(file, fault):
    more = f' ({fault.count:,} in all)' if fault.count > 1 else ''
    said, fix = f'has no {fault.key!r}', _FIXES.get(fault.key)
    if fault.is_malformed:
        said = f'has a malformed {fault.key!r}, {fault.value}'
        fix = _FIXES_OF_VALUES[fault.key]
    raise UserError(f'{file.path}, {fault.place}: {said}{more}; {fix}')


def _check_spelling(file, key, found, ids):
    """An id is never found where it is text in one place only."""
    known = set(ids)
    lost = [row for row, value in enumerate(found) if value not in known]
    if not lost:
        return
    by_text = {spelt(identity): identity for identity in ids}
    others = [row for row in lost if spelt(found[row]) in by_text]
    if others:
        value = found[others[0]]
        more = f' ({len(others):,} in all)' if others[1:] else ''
        section = 'images' if key == 'image_id' else 'categories'
        raise UserError(
            f'{file.path}, annotations[{others[0]}]: has {key!r} '
            f'{shown_value(value)}, and in {section!r} that id is '
            f'{shown_value(by_text[spelt(value)])}{more}; write both with '
            'quotes, or both without'
        )


def spelt(identity: Hashable) -> str:
    """An id as text: the same for 1, 1.0, '1', '1.0' and '001'."""
    text = str(identity).strip().removesuffix('.0')
    return (text.lstrip('0') or '0') if text.isdigit() else text


def _check_ids(file, section, ids):
    if len(set(ids)) == len(ids):
        return
    twice, count = Counter(ids).most_common(1)[0]
    raise UserError(
        f'{file.path}: {count} entries of {section!r} have the id '
        f'{shown_value(twice)}, of which all but one would be lost; give each '
        'an id of its own'
    )
