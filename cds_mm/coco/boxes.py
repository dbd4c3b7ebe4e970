"""Whether the boxes of an annotation file are what COCO's format says."""

from dataclasses import asdict, dataclass

import numpy as np

from cds_mm.coco.annotations import Annotations
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

# Boxes may end a little outside: annotators and rounding do that.
_SLACK = 0.02  # of the image's side
_PIXELS = 2.0
# From this share on a fault is that of the file and not of single boxes.
_MOST = 0.5
# COCO's own training set has a box without area; so few are not worth a word.
_FEW = 0.001
# So many boxes that all could be corners are no coincidence.
_COINCIDENCE = 8
_REASONS = {
    'outside': 'lie outside of their image',
    'no_area': 'have no area, or are narrower than a pixel',
    'no_image': 'are of images that are not in the file',
    'no_category': 'have a category_id that `categories` lacks',
}


@dataclass(frozen=True)
class BoxCounts:
    """How many boxes of a file are used, and why others are not.

    A box counts once, for the first reason in this order.

    Attributes:
        used: what is learned from, or judged.
        ignored: marked with ``ignore``.
        no_image: of an image that is not in the file.
        no_category: of a category that is not in the file.
        other_class: of a category that is not in ``metainfo.classes``.
        no_area: without area, or narrower than a pixel.
        outside: entirely outside of their image.
        crowd: marked with ``iscrowd``: what a detector finds there is
            neither right nor wrong.
    """

    used: int
    ignored: int
    no_image: int
    no_category: int
    other_class: int
    no_area: int
    outside: int
    crowd: int

    @property
    def left_out(self) -> dict[str, int]:
        """Those that are not used, by reason, without zeros."""
        counts = asdict(self)
        del counts['used']
        return {reason: count for reason, count in counts.items() if count}


def count_boxes(
    file: Annotations, labels: np.ndarray
) -> tuple[BoxCounts, np.ndarray]:
    """Sort the boxes of a file by what MMDetection does with them.

    Args:
        file: the annotations.
        labels: (boxes,) the class of each box, -1 for none.

    Returns:
        tuple: how many, and (boxes,) whether each is handed out, be it
        used or a crowd.
    """
    sizes = file.box_sizes
    in_file = {key for key, _ in file.categories}
    has_category = np.array(
        [key in in_file for key in file.box_categories], dtype=bool
    )
    tests = {
        'ignored': file.ignored,
        'no_image': np.isnan(sizes[:, 0]),
        'no_category': ~has_category,
        'other_class': labels < 0,
        'no_area': ~(
            (file.boxes[:, 2] >= 1)
            & (file.boxes[:, 3] >= 1)
            & (file.areas > 0)
        ),
        'outside': _overlap(file.boxes, sizes) == 0,
    }
    handed_out = np.ones(len(file.boxes), dtype=bool)
    counts = {}
    for reason, test in tests.items():
        counts[reason] = int((handed_out & test).sum())
        handed_out &= ~test
    crowd = int((handed_out & file.crowds).sum())
    used = int(handed_out.sum()) - crowd
    return BoxCounts(used=used, crowd=crowd, **counts), handed_out


def check_boxes(place: str, file: Annotations, counts: BoxCounts) -> None:
    """Refuse boxes in another format, and warn of some that are odd.

    Args:
        place: the key of the data set in the config.
        file: the annotations.
        counts: of :func:`count_boxes`.

    Raises:
        UserError: most boxes are given in shares of the image, or by two
            corners, or lie outside of their image, or have no area.
    """
    total = len(file.boxes) - counts.ignored
    if not total:
        return
    _check_format(place, file)
    for reason, text in _REASONS.items():
        count = getattr(counts, reason)
        if reason in ('outside', 'no_area') and count > _MOST * total:
            raise UserError(
                f'{place}: {count:,} of {total:,} boxes of {file.path} '
                f'{text}, so MMDetection leaves them out; write bbox as '
                '[x, y, width, height] in pixels of the image, with its area'
            )
        if count > _FEW * total:
            warn(
                f'{place}: {count:,} of {total:,} boxes of {file.path} '
                f'{text} and are left out; correct them, or take them out'
            )
    if counts.crowd > _MOST * total:
        warn(
            f'{place}: {counts.crowd:,} of {total:,} boxes of {file.path} '
            'have iscrowd=1, and are neither learned nor judged; it is for '
            'regions of many objects: set it to 0 for single ones'
        )
    beyond = _beyond(file)
    if beyond.mean() > _FEW:
        first = int(np.flatnonzero(beyond)[0])
        warn(
            f'{place}: {int(beyond.sum()):,} of {total:,} boxes of '
            f'{file.path} reach out of their image, the first is '
            f'annotations[{first}]; check that bbox is [x, y, width, height]'
        )


def _check_format(place, file):
    boxes = file.boxes[~file.ignored]
    boxes = boxes[~np.isnan(boxes).any(axis=1)]
    if not len(boxes):
        return
    shares = (boxes >= 0).all(axis=1) & (boxes.max(axis=1) <= 1)
    if shares.mean() > _MOST:
        raise UserError(
            f'{place}: {file.path} gives boxes as shares of the image, such '
            f'as {_shown(boxes[shares][0])}; COCO has [x, y, width, height] '
            "in pixels: multiply them by the image's width and height"
        )
    if _are_corners(file):
        raise UserError(
            f'{place}: {file.path} gives boxes by two corners, such as '
            f'{_shown(boxes[0])}; COCO has [x, y, width, height]: write '
            '[x1, y1, x2 - x1, y2 - y1]'
        )


def _are_corners(file: Annotations) -> bool:
    """Whether all boxes make sense as corners, and some only so."""
    sizes, boxes = file.box_sizes, file.boxes
    usable = ~(np.isnan(sizes).any(axis=1) | np.isnan(boxes).any(axis=1))
    sizes, boxes, areas = sizes[usable], boxes[usable], file.areas[usable]
    sides = boxes[:, 2:] - boxes[:, :2]
    if not len(boxes) or (sides <= 0).any():
        return False
    limit = sizes * (1 + _SLACK) + _PIXELS
    inside = (boxes[:, 2:] <= limit).all(axis=1)
    too_large = (boxes[:, :2] + boxes[:, 2:] > limit).any(axis=1)
    if not inside.all() or not too_large.any():
        return False
    by_corners = np.isclose(sides.prod(axis=1), areas, rtol=0.01)
    by_sides = np.isclose(boxes[:, 2:].prod(axis=1), areas, rtol=0.01)
    if by_corners.mean() > _MOST:
        return True
    # Where the area was computed from the wrong sides it says nothing.
    return len(boxes) >= _COINCIDENCE or not by_sides.any()


def _beyond(file: Annotations) -> np.ndarray:
    """(boxes,) whether a box ends clearly outside of its image."""
    sizes = file.box_sizes
    slack = sizes * _SLACK + _PIXELS
    low = (file.boxes[:, :2] < -slack).any(axis=1)
    high = file.boxes[:, :2] + file.boxes[:, 2:] > sizes + slack
    return (low | high.any(axis=1)) & ~file.ignored


def _overlap(boxes, sizes):
    """(boxes,) pixels of each box inside of its image, as the host has it."""
    low = np.maximum(boxes[:, :2], 0)
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], sizes)
    return np.maximum(high - low, 0).prod(axis=1)


def _shown(box):
    return [float(f'{value:.4g}') for value in box]
