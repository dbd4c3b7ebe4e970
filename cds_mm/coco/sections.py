"""Whether the entries of an annotation file have what is read of them."""

from collections import Counter

from cds_mm.coco.annotations import Annotations
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


def check_entries(
    place: str, file: Annotations, by_name: bool, unread: set[str]
) -> None:
    """Refuse a file that lacks what MMDetection reads.

    Args:
        place: the key of its reader in the config.
        file: the annotations.
        by_name: whether the reader is one of this project.
        unread: keys that it does not read, such as ``iscrowd`` where nothing
            is evaluated.

    Raises:
        UserError: a section or a key is missing, or an id is not unique.
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
    for (_, key), missing in file.missing.items():
        if key in unread:
            continue
        more = f' ({missing.count:,} in all)' if missing.count > 1 else ''
        raise UserError(
            f'{file.path}, {missing.place}: {missing.fault} {key!r}{more}; '
            f'{_FIXES[key]}'
        )
    _check_ids(file, 'images', file.image_ids)
    _check_ids(file, 'annotations', file.box_ids)
    _check_ids(file, 'categories', [key for key, _ in file.categories])


def _check_ids(file, section, ids):
    if len(set(ids)) == len(ids):
        return
    twice, count = Counter(ids).most_common(1)[0]
    raise UserError(
        f'{file.path}: {count} entries of {section!r} have the id {twice}, '
        'of which all but one would be lost; give each an id of its own'
    )
