"""What an annotation file holds, for the data report."""

import numpy as np

from cds_mm.coco.annotations import Annotations
from cds_mm.coco.boxes import BoxCounts
from cds_mm.coco.leaf import Leaf

_SHARES = (0, 0.25, 0.5, 0.75, 1)


def summary_of(
    leaf: Leaf,
    file: Annotations,
    labels: np.ndarray,
    kept: np.ndarray,
    counts: BoxCounts,
) -> dict:
    """Numbers of one annotation file; plain values, for JSON.

    Args:
        leaf: the data set that reads it.
        file: its annotations.
        labels: (boxes,) the class of each box, -1 for none.
        kept: (boxes,) whether each is used.
        counts: of :func:`cds_mm.coco.boxes.count_boxes`.
    """
    classes = leaf.classes or ()
    boxes = np.bincount(labels[kept], minlength=len(classes)).tolist()
    filled = {file.box_images[number] for number in np.flatnonzero(kept)}
    return {
        'annotation_file': file.path,
        'images_in_file': len(file.image_ids),
        'images_left_out_by': _by_what(leaf),
        'images_without_boxes': len(set(file.image_ids) - filled),
        'boxes_in_file': len(file.boxes),
        'boxes': int(kept.sum()),
        'boxes_left_out': counts.left_out,
        'classes': dict(zip(classes, boxes, strict=True)),
        'categories_not_used': [
            name for name in file.names if name not in classes
        ],
        'image_sides_in_file': sides(file.sizes),
        'box_sides': sides(file.boxes[kept, 2:]),
    }


def _by_what(leaf: Leaf) -> str:
    chosen = leaf.dataset is not None and leaf.dataset._indices is not None
    return 'by indices and the filter' if chosen else 'by the filter'


def sides(sizes: np.ndarray) -> dict[str, list[float]]:
    """Least, quartiles and largest of widths and heights, in pixels.

    Args:
        sizes: (n, 2) width and height; NaN counts as unknown.
    """
    sizes = sizes[~np.isnan(sizes).any(axis=1)]
    if not len(sizes):
        return {}
    found = np.quantile(sizes, _SHARES, axis=0).round(1)
    return {'width': found[:, 0].tolist(), 'height': found[:, 1].tolist()}
