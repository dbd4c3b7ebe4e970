"""Which images of its annotation file a data set hands out."""

import numpy as np

from cds_mm.coco.annotations import Annotations
from cds_mm.coco.leaf import Leaf


def left_by_filter(
    leaf: Leaf, file: Annotations, labels: np.ndarray
) -> np.ndarray:
    """(images,) whether the host's filter leaves each image.

    Args:
        leaf: the data set; its filter is that of MMDetection's CocoDataset.
        file: its annotations.
        labels: (boxes,) the class of each box, -1 for none.
    """
    kept = np.ones(len(file.image_ids), dtype=bool)
    settings = leaf.dataset.filter_cfg
    if not leaf.filters:
        return kept
    kept &= file.sizes.min(axis=1) >= settings.get('min_size', 0)
    if settings.get('filter_empty_gt'):
        wanted = np.flatnonzero(labels >= 0)
        filled = {file.box_images[number] for number in wanted}
        kept &= np.array([image in filled for image in file.image_ids], bool)
    return kept


def shown_rows(leaf: Leaf, file: Annotations) -> list[int] | None:
    """Rows of a file's images that a data set hands out, in its order.

    Args:
        leaf: the data set, with ``indices`` and a filter or not.
        file: its annotations.

    Returns:
        list | None: None where that is not known, since the class has a
        filter or a reader of its own.
    """
    if not leaf.order_is_known:
        return None
    labels = file.box_labels(leaf.classes or ())
    rows = np.flatnonzero(left_by_filter(leaf, file, labels))
    chosen = leaf.dataset._indices
    if chosen is None:
        return rows.tolist()
    if isinstance(chosen, int):
        return (rows[:chosen] if chosen >= 0 else rows[chosen:]).tolist()
    try:
        return rows[np.asarray(chosen, dtype=np.int64)].tolist()
    except IndexError:  # the host says it when it builds
        return None
