"""The masks of an annotation file: their format, and whether they fit."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

# Polygons whose place is compared with that of their box.
_COMPARED = 2000
_MOST = 0.5
_FORMAT = 'write [[x1, y1, x2, y2, x3, y3, ...]] in pixels of the image'


@dataclass
class Masks:
    """What the ``segmentation`` of boxes is, by their rows in the file.

    Attributes:
        malformed: neither polygons nor a run-length encoding.
        pointless: without a polygon of three points or more.
        sizes: height and width of run-length encodings.
        extents: of the first polygons: x1, y1, x2, y2.
    """

    malformed: list[int] = field(default_factory=list)
    pointless: list[int] = field(default_factory=list)
    sizes: dict[int, tuple] = field(default_factory=dict)
    extents: dict[int, tuple] = field(default_factory=dict)

    def add(self, row: int, value: Any) -> None:
        """Take up the segmentation of a box, which has one."""
        try:
            if isinstance(value, dict):
                self._add_run_lengths(row, **value)
            else:
                self._add_polygons(row, value)
        except (OverflowError, TypeError, ValueError):
            self.malformed.append(row)

    def _add_run_lengths(self, row, size=None, counts=None, **_):
        height, width = size
        if not isinstance(counts, list | str):
            raise TypeError
        self.sizes[row] = float(height), float(width)

    def _add_polygons(self, row, value):
        if not isinstance(value, list):
            raise TypeError
        polygons = [p for p in value if len(p) % 2 == 0 and len(p) >= 6]
        # Of numbers alone, and finite.
        if not all(math.isfinite(sum(polygon)) for polygon in polygons):
            raise ValueError
        if not polygons:
            self.pointless.append(row)
        elif len(self.extents) < _COMPARED:
            xs = [x for polygon in polygons for x in polygon[::2]]
            ys = [y for polygon in polygons for y in polygon[1::2]]
            self.extents[row] = min(xs), min(ys), max(xs), max(ys)


def check_masks(place: str, file: Any, handed_out: np.ndarray) -> None:
    """Refuse masks that the host cannot read, or that are those of others.

    Args:
        place: the key of the data set in the config.
        file: its :class:`~cds_mm.coco.annotations.Annotations`.
        handed_out: (boxes,) whether the data set hands each out.

    Raises:
        UserError: some have another format, or most another place.
    """
    masks = file.masks
    without = np.flatnonzero(handed_out & ~file.masked).tolist()
    if without:
        raise UserError(
            f'{_first(file, without)}: has no {_counted(without)}, and '
            f'{place}.pipeline loads masks; add it, or take a detector '
            'without masks'
        )
    malformed = _of(masks.malformed, handed_out)
    if malformed:
        raise UserError(
            f'{_first(file, malformed)}: has a malformed '
            f'{_counted(malformed)}; {_FORMAT}, or a run-length encoding with '
            'size and counts'
        )
    others = [
        row
        for row in _of(masks.sizes, handed_out)
        if not np.array_equal(file.box_sizes[row][::-1], masks.sizes[row])
    ]
    if others:
        raise UserError(
            f'{_first(file, others)}: has the run-length encoding of an image '
            f'of another size, {masks.sizes[others[0]]}, in its '
            f'{_counted(others)}; write it for [height, width] of the image'
        )
    _check_points(place, file, handed_out)
    _check_places(place, file, handed_out)


def _check_points(place, file, handed_out):
    pointless = _of(file.masks.pointless, handed_out)
    if not pointless:
        return
    said = (
        f'{_first(file, pointless)}: has no polygon of three points in its '
        f'{_counted(pointless)}'
    )
    if len(pointless) > _MOST * handed_out.sum():
        raise UserError(f'{said}, so that its box is ignored, too; {_FORMAT}')
    warn(f'{place}: {said}; such boxes are ignored, too')


def _check_places(place, file, handed_out):
    """A polygon overlaps with its own box."""
    rows = _of(file.masks.extents, handed_out)
    if not rows:
        return
    extents = np.array([file.masks.extents[row] for row in rows], float)
    boxes = file.boxes[rows]
    shares = (np.abs(extents) <= 1).all(axis=1)
    if shares.mean() > _MOST:
        raise UserError(
            f'{_first(file, rows)}: gives its polygon in shares of the '
            f'image; {_FORMAT}'
        )
    low = np.maximum(extents[:, :2], boxes[:, :2])
    high = np.minimum(extents[:, 2:], boxes[:, :2] + boxes[:, 2:])
    apart = (high < low).any(axis=1)
    if apart.mean() > _MOST:
        first = rows[int(np.argmax(apart))]
        raise UserError(
            f'{_first(file, [first])}: its polygon lies outside of its box '
            f'({int(apart.sum()):,} of the first {len(rows):,} do); {_FORMAT}'
        )


def _of(rows, handed_out) -> list[int]:
    return [row for row in rows if handed_out[row]]


def _first(file, rows) -> str:
    return f'{file.path}, annotations[{rows[0]}] (id {file.box_ids[rows[0]]})'


def _counted(rows) -> str:
    return f"'segmentation' ({len(rows):,} in all)"
