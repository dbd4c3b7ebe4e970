"""Whether two files have the same boxes in the same images."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from cds_mm.coco.annotations import Annotations

# Images that are looked at, and boxes that are too few to tell.
_LOOKED_AT = 500
_TOO_FEW = 8
_SAME = 0.5  # intersection over union


def share_of_same_boxes(
    file: Annotations, other: Annotations, pairs: Sequence[tuple[int, int]]
) -> float:
    """Share of a file's boxes that the other has in the same place.

    Args:
        file: one of them.
        other: the other.
        pairs: rows of the images in both.

    Returns:
        float: 1 where there are too few boxes to tell.
    """
    ours, theirs = _by_image(file), _by_image(other)
    found = []
    for row, its in pairs:
        boxes = ours.get(file.image_ids[row])
        if boxes is None:
            continue
        candidates = theirs.get(other.image_ids[its], np.empty((0, 4)))
        found += _best_overlaps(boxes, candidates).tolist()
        if len(found) > _LOOKED_AT:
            break
    if len(found) < _TOO_FEW or not theirs:
        return 1.0
    return float(np.mean(np.array(found) >= _SAME))


def _by_image(file) -> dict:
    rows = defaultdict(list)
    for row in np.flatnonzero(~np.isnan(file.boxes).any(axis=1)):
        rows[file.box_images[row]].append(row)
    return {image: file.boxes[of_image] for image, of_image in rows.items()}


def _best_overlaps(boxes, candidates) -> np.ndarray:
    """(boxes,) the largest IoU of each with a candidate; 0 without one."""
    if not len(candidates):
        return np.zeros(len(boxes))
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    its_low = candidates[:, :2]
    its_high = its_low + candidates[:, 2:]
    sides = np.minimum(high[:, None], its_high) - np.maximum(
        low[:, None], its_low
    )
    common = sides.clip(min=0).prod(axis=2)
    area, its_area = boxes[:, 2:].prod(axis=1), candidates[:, 2:].prod(axis=1)
    union = area[:, None] + its_area - common
    iou = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return np.nan_to_num(iou).max(axis=1)
