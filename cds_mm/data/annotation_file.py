"""The annotation files of MMPretrain: lines of 'path label'."""

from mmengine import fileio

from cds_mm.errors import UserError

# U+FEFF at the start of a file, which some editors write.
MARK = '\ufeff'


def check_annotations(
    path: str, with_label: bool = True, may_be_marked: bool = False
) -> None:
    """Check that an annotation file of MMPretrain can be read.

    Args:
        path: of the file.
        with_label: whether its lines end with a label.
        may_be_marked: whether its reader drops a byte order mark.

    Raises:
        UserError: it is missing or empty, starts with a byte order mark that
            would become part of a name, or a line is not 'path label'.
    """
    if not fileio.isfile(path):
        raise UserError(
            f'{path}: no such annotation file; set ann_file of the dataset, '
            "or ann_file='' to take the classes from the folders"
        )
    lines = fileio.list_from_file(path)
    if not lines:
        raise UserError(
            f"{path}: is empty; write one line 'path label' for each image"
        )
    if lines[0].startswith(MARK) and not may_be_marked:
        raise UserError(
            f'{path}: starts with a byte order mark, which would be part of '
            'the first name; save it as UTF-8 without one, or set '
            'type=ClassFolder'
        )
    if not with_label:
        return
    for number, line in enumerate(lines, 1):
        name, _, label = line.strip().rpartition(' ')
        if not name or not label.lstrip('-').isdigit():
            raise UserError(
                f'{path}, line {number}: {line!r} is not an image and a '
                "whole number; write 'path label'"
            )


def count_from_zero(records: list[dict], first: int, path: str) -> None:
    """Make the smallest label 0, in place; -1 stays as it is.

    Args:
        records: with ``gt_label``.
        first: the smallest label.
        path: of the annotation file, for messages.

    Raises:
        UserError: a label is smaller.
    """
    for record in records:
        label = record['gt_label']
        if label == -1:
            continue
        if label < first:
            raise UserError(
                f'{path}: {record["img_path"]} has label {label}, below '
                f'first_label={first}; set first_label of the dataset to the '
                'smallest label'
            )
        record['gt_label'] = label - first


def drop_mark(record: dict, img_prefix: str) -> None:
    """Take the byte order mark of the file out of its first name, in place.

    Args:
        record: of the first line.
        img_prefix: the folder that was put before the names.
    """
    _, mark, name = record['img_path'].partition(MARK)
    if mark:
        record['img_path'] = fileio.join_path(img_prefix, name)
