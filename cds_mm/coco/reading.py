"""Read a COCO annotation file into arrays, whatever its values are."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cds_mm.coco.annotations import Annotations, Fault
from cds_mm.coco.json_stream import UnreadableValue, elements
from cds_mm.errors import UserError

_BOM = b'\xef\xbb\xbf'
_NO_BOX = (math.nan,) * 4
_SHOWN = 40  # signs of a value in a message


def read_annotations(path: str | Path) -> Annotations:
    """Read an annotation file in COCO's format.

    Takes seconds for COCO's 118,000 images and 860,000 boxes, and beside the
    text of the file some 200 bytes a box, which are free with the result.

    Args:
        path: of a file on this machine.

    Raises:
        UserError: it cannot be read, is not valid JSON, or is of another
            format.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(
            f'{path}: cannot be read ({error.strerror or error}); set '
            'data_root and ann_file to the annotation file'
        ) from error
    try:
        text = data.decode('utf-8-sig')
        has_bom = data.startswith(_BOM)
        del data
        return _parsed(str(path), has_bom, text)
    except json.JSONDecodeError as error:
        raise UserError(
            f'{path}, line {error.lineno}: is not valid JSON ({error.msg}); '
            'it may be cut off: write or download it again'
        ) from error
    except UnreadableValue as error:
        raise UserError(
            f'{path}, {shown_value(error.place)[1:-1]}: {error}; no program '
            'reads it: correct that entry'
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f'{path}: is not UTF-8 ({error.reason} at byte {error.start}); '
            'save it as UTF-8'
        ) from error


def shown_value(value: Any) -> str:
    """A value of a JSON file in one short line that can be printed."""
    try:
        text = repr(value) if isinstance(value, str) else str(value)
    except RecursionError:  # lists in lists
        return '...'
    text = text.encode('utf-8', 'backslashreplace').decode()
    text = ' '.join(text.split())
    return text if len(text) <= _SHOWN else f'{text[:_SHOWN]}...'


def _parsed(path: str, has_bom: bool, text: str) -> Annotations:
    reader = _Reader(path, has_bom)
    entries = {
        'images': reader.image,
        'annotations': reader.box,
        'categories': reader.category,
    }
    for key, index, element in elements(text):
        reader.result.sections.add(key)
        entry = entries.get(key)
        if entry is None or (index < 0 and element == []):
            continue
        if index < 0 or not isinstance(element, dict):
            raise UserError(
                f'{path}: {key} is not a list of objects; write it in '
                "COCO's format for object detection"
            )
        entry(index, element)
    return reader.done()


class _Reader:
    """Collects entries, and what is wrong with them."""

    def __init__(self, path: str, has_bom: bool):
        self.result = Annotations(path, has_bom)
        self._faults: dict[tuple[str, str, bool], Fault] = {}
        self._sizes, self._boxes = array('d'), array('d')
        self._areas = array('d')
        self._ignored, self._crowds = array('b'), array('b')
        self._masked = array('b')

    def category(self, index: int, entry: dict) -> None:
        at = 'categories', index, entry
        identity = self._taken(at, 'id', _id)
        name = self._taken(at, 'name', _text)
        self.result.categories.append((identity, str(name)))

    def image(self, index: int, entry: dict) -> None:
        at = 'images', index, entry
        name = self._taken(at, 'file_name', _text) or entry.get('coco_url')
        result = self.result
        result.image_ids.append(self._taken(at, 'id', _id))
        result.file_names.append(str(name))
        for key in ('width', 'height'):
            size = self._taken(at, key, _number)
            self._sizes.append(math.nan if size is None else size)

    def box(self, index: int, entry: dict) -> None:
        at = 'annotations', index, entry
        result = self.result
        for key, ids in (
            ('id', result.box_ids),
            ('image_id', result.box_images),
            ('category_id', result.box_categories),
        ):
            value = entry.get(key)
            usual = type(value) is int  # there are millions
            ids.append(value if usual else self._taken(at, key, _id))
        ignored = entry.get('ignore')
        if ignored is not None:
            ignored = self._taken(at, 'ignore', _flag)
        # Of a box that is to be ignored, MMDetection reads no more than this.
        if ignored:
            box, area = _four(entry.get('bbox')), _number(entry.get('area'))
            crowd = _flag(entry.get('iscrowd'))
        else:
            box = self._taken(at, 'bbox', _four)
            area = self._taken(at, 'area', _number)
            crowd = entry.get('iscrowd')
            if crowd != 0:
                crowd = self._taken(at, 'iscrowd', _flag)
        self._boxes.extend(box or _NO_BOX)
        self._areas.append(math.nan if area is None else area)
        self._ignored.append(bool(ignored))
        self._crowds.append(bool(crowd))
        segmentation = entry.get('segmentation')
        self._masked.append(bool(segmentation))
        if segmentation:
            result.masks.add(index, segmentation)

    def done(self) -> Annotations:
        result = self.result
        result.sizes = np.array(self._sizes).reshape(-1, 2)
        result.boxes = np.array(self._boxes).reshape(-1, 4)
        result.areas = np.array(self._areas)
        result.ignored = np.array(self._ignored, dtype=bool)
        result.crowds = np.array(self._crowds, dtype=bool)
        result.masked = np.array(self._masked, dtype=bool)
        result.faults = list(self._faults.values())
        return result

    def _taken(self, at: tuple, key: str, wanted: Callable) -> Any:
        """A value as ``wanted`` takes it; None is a fault to remember."""
        section, index, entry = at
        value = entry.get(key)
        taken = wanted(value)
        if taken is None:
            malformed = value is not None
            fault = self._faults.get((section, key, malformed))
            if fault is None:
                place = _place(section, index, entry)
                shown = shown_value(value) if malformed else None
                fault = Fault(section, key, place, shown)
                self._faults[section, key, malformed] = fault
            fault.count += 1
        return taken


def _place(section, index, entry) -> str:
    place = f'{section}[{index}]'
    if section == 'categories':
        return place
    name = entry.get('file_name') or entry.get('coco_url')
    if section == 'images' and _text(name):
        return f'{place} ({shown_value(name)[1:-1]})'
    return f'{place} (id {shown_value(entry.get("id"))})'


# What each takes, as it is; None for anything else.


def _id(value: Any) -> str | int | float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    finite = not isinstance(value, float) or math.isfinite(value)
    return value if finite else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _flag(value: Any) -> bool | None:
    good = isinstance(value, int | float) and value in (0, 1)
    return bool(value) if good else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _four(value: Any) -> tuple[float, float, float, float] | None:
    if not isinstance(value, list):
        return None
    try:
        x, y, w, h = value
        finite = math.isfinite(abs(x) + abs(y) + abs(w) + abs(h))
    except (OverflowError, TypeError, ValueError):
        return None
    return (x, y, w, h) if finite else None
