"""The annotation files of MMPretrain: lines of 'path label'."""

import codecs
import io
import re

from mmengine import fileio

from cds_mm.data.image_files import IMAGE_SUFFIXES
from cds_mm.errors import UserError

# Of a label: the host keeps them in 64 bits, and no head is near this wide.
_MOST_DIGITS = 9
_LABEL = re.compile(r'-?[0-9]+')
_LABELS_BEFORE = re.compile(r'(?: -?[0-9]+)+$')
_SHOWN = 60  # letters of a line
# How files begin whose editor marks the encoding, and what it is then; the
# mark of 16 bits is the beginning of that of 32.
_MARKS = (
    (codecs.BOM_UTF8, 'utf-8-sig'),
    (codecs.BOM_UTF32_LE, 'utf-32'),
    (codecs.BOM_UTF32_BE, 'utf-32'),
    (codecs.BOM_UTF16_LE, 'utf-16'),
    (codecs.BOM_UTF16_BE, 'utf-16'),
)


def read_lines(path: str, may_be_marked: bool = True) -> list[str]:
    """The lines of a text file, in UTF-8 or in what its first bytes say.

    Args:
        path: of the file.
        may_be_marked: whether who reads it knows byte order marks, as the
            spreadsheets and shells of Windows write them.

    Raises:
        UserError: it is in another encoding.
    """
    data = fileio.get(path)
    encoding = next((e for m, e in _MARKS if data.startswith(m)), 'utf-8')
    if encoding != 'utf-8' and not may_be_marked:
        raise UserError(
            f'{path}: starts with a byte order mark ({encoding}), which its '
            'reader does not know; save it as UTF-8 without one, or set '
            'type=ClassFolder'
        )
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(
            f'{path}: is no text in {encoding} (byte {error.start}); save it '
            'as UTF-8'
        ) from error
    if '\0' in text:
        raise UserError(
            f'{path}: has zero bytes, as a file in UTF-16 or no text has; '
            'save it as UTF-8'
        )
    return [line.rstrip('\r\n') for line in io.StringIO(text)]


def read_annotations(
    path: str, img_prefix: str, with_label: bool = True, first: int = 0
) -> list[dict]:
    """Records of the images that an annotation file names.

    Args:
        path: of the file.
        img_prefix: the folder that its names start from.
        with_label: whether its lines end with a label.
        first: the smallest label, which becomes 0.

    Returns:
        list of dict: with ``img_path``, and ``gt_label`` if it has labels.

    Raises:
        UserError: as of :func:`check_annotations`, or a label is below the
            first.
    """
    check_annotations(path, with_label, may_be_marked=True)
    records: list[dict] = []
    for line in read_lines(path):
        name, label = line, ''
        if with_label:
            name, label = line.strip().rsplit(' ', 1)
        records.append({'img_path': fileio.join_path(img_prefix, name)})
        if with_label:
            records[-1]['gt_label'] = int(label)
    if with_label and first:
        count_from_zero(records, first, path)
    return records


def check_annotations(
    path: str, with_label: bool = True, may_be_marked: bool = False
) -> None:
    """Check that an annotation file of MMPretrain can be read.

    Args:
        path: of the file.
        with_label: whether its lines end with a label.
        may_be_marked: whether its reader knows byte order marks.

    Raises:
        UserError: it is missing, empty or in an encoding that its reader
            does not know, or a line is not 'path label'.
    """
    if not fileio.isfile(path):
        raise UserError(
            f'{path}: no such annotation file; set ann_file of the dataset, '
            "or ann_file='' to take the classes from the folders"
        )
    lines = read_lines(path, may_be_marked)
    if not lines:
        raise UserError(
            f"{path}: is empty; write one line 'path label' for each image"
        )
    if not with_label:
        return
    for number, line in enumerate(lines, 1):
        fault = _fault(line)
        if fault:
            shown = line if len(line) <= _SHOWN else f'{line[:_SHOWN]}...'
            raise UserError(f'{path}, line {number}: {shown!r} {fault}')


def _fault(line: str) -> str:
    """What is wrong with a line of 'path label', and what to write."""
    name, _, label = line.strip().rpartition(' ')
    if not name or not _LABEL.fullmatch(label):
        return "is not an image and a whole number; write 'path label'"
    if len(label.lstrip('-')) > _MOST_DIGITS:
        return (
            'has no number of a class at its end; write the place of the '
            'class in metainfo.classes, from 0'
        )
    image = _LABELS_BEFORE.sub('', name)
    if image != name and image.lower().endswith(IMAGE_SUFFIXES):
        return (
            'has more than one label, which a classifier of one class an '
            'image does not read; leave one label in each line'
        )
    return ''


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
