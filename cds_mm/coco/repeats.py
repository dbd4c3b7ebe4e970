"""Warn of what an annotation file lists twice, and of areas that are none."""

from collections import Counter

import numpy as np

from cds_mm.coco.annotations import Annotations
from cds_mm.run_warnings import warn

# COCO's own files have some; so few change no figure.
_FEW = 0.001
# The area is that of the mask, at most that of the box. Of most boxes it is
# more than a twentieth, also where the masks have been taken out of a file.
_LARGEST_AREA, _LEAST_AREA = 1.1, 0.05


def warn_of_repeats(place: str, file: Annotations) -> None:
    """Warn of equal boxes, of images of one file, and of impossible areas.

    Args:
        place: the key of the data set in the config.
        file: its annotations.
    """
    twice = _equal_boxes(file)
    if twice.sum() > _FEW * len(twice):
        warn(
            f'{place}: {int(twice.sum()):,} of {len(twice):,} boxes of '
            f'{file.path} are there before, of the same image and category, '
            f'the first is annotations[{int(np.argmax(twice))}]; a detection '
            'finds one box alone: take the others out'
        )
    names = Counter(file.file_names)
    name, count = names.most_common(1)[0]
    if count > 1:
        images = sum(n for n in names.values() if n > 1)
        warn(
            f'{place}: {images:,} of {len(file.file_names):,} images of '
            f'{file.path} share their file_name, {name!r} is that of {count}; '
            'the boxes of one are missing in the other: list each file once'
        )
    _warn_of_areas(place, file)


def _equal_boxes(file) -> np.ndarray:
    """(boxes,) whether a box is equal to one before it."""
    found = np.zeros(len(file.boxes), dtype=bool)
    if not len(found):
        return found
    columns = np.column_stack(
        [
            file.boxes,
            _numbered(file.box_images),
            _numbered(file.box_categories),
            file.ignored,
            file.crowds,
        ]
    )
    order = np.lexsort(columns.T)  # keeps the order of equal rows
    ranked = columns[order]
    found[order[1:]] = (ranked[1:] == ranked[:-1]).all(axis=1)
    return found


def _numbered(values) -> np.ndarray:
    numbers: dict = {}
    found = (numbers.setdefault(value, len(numbers)) for value in values)
    return np.fromiter(found, np.float64, len(values))


def _warn_of_areas(place, file):
    usual = ~(file.masked | file.crowds | file.ignored) & (file.areas > 0)
    by_sides = file.boxes[usual, 2:].prod(axis=1)
    shares = file.areas[usual] / np.where(by_sides > 0, by_sides, np.nan)
    shares = shares[~np.isnan(shares)]
    if not len(shares):
        return
    middle = float(np.median(shares))
    if not _LEAST_AREA <= middle <= _LARGEST_AREA:
        warn(
            f'{place}: the areas in {file.path} are not those of its boxes '
            f'(half of them are {"below" if middle < 1 else "above"} '
            f'{middle:.3g} times width by height), so mAP_s, mAP_m and mAP_l '
            'are of other boxes; write w * h'
        )
