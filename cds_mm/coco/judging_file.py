"""Whether a COCO metric can judge by the content of its file.

COCO's evaluation writes the id of the matched annotation beside each
detection and reads 0 as "no match", so that the annotation with the id 0 is
never found.  The compiled evaluator reads all but positive integers so.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cds_mm.coco.annotations import Annotations
from cds_mm.coco.evaluators import CocoEvaluator
from cds_mm.coco.leaf import Leaf, same_file
from cds_mm.coco.reading import shown_value
from cds_mm.config import type_name
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

_COMPILED = 'FasterCocoMetric'
_PANOPTIC = 'CocoPanopticMetric'
_BY_NAME = 'cds_mm.NamedCocoMetric'
_NO_MATCHING = 'proposal_fast'
# Figures are shown to a thousandth, so that less than half of one is not seen.
_SEEN = 0.0005
# Ids are 64-bit integers there, and those of images and categories pass
# through floating point.
_LARGEST_ID, _LARGEST_EXACT = 2**63 - 1, 2**53


def check_judging_file(
    judge: CocoEvaluator,
    leaves: Sequence[Leaf],
    files: Callable[[str], Annotations],
) -> None:
    """Refuse ids that the metric does not count, and a file without boxes.

    Args:
        judge: the metric.
        leaves: the data sets that it judges.
        files: reads an annotation file.

    Raises:
        UserError: the figures would be wrong, or there would be none.
    """
    path = judge.annotation_path
    kind = type_name(judge.cfg)
    if not path or not judge.scores or kind == _PANOPTIC:
        return
    file = files(path)
    if not judge.is_by_name and _matches(judge):
        _check_annotation_ids(judge, file, kind == _COMPILED)
    categories = [key for key, _ in file.categories]
    for section, ids in (
        ('images', file.image_ids),
        ('categories', categories),
    ):
        _check_kind(judge, file, section, ids)
        if kind == _COMPILED:
            _check_exact(judge, file, section, ids)
    own = [leaf.annotation_path for leaf in leaves]
    if leaves and not any(one and same_file(one, path) for one in own):
        _check_something_counts(judge, leaves, file)


def is_matched(identity: Any) -> bool:
    """Whether COCO's evaluation counts a match with an annotation's id."""
    try:
        number = float(identity)
    except (OverflowError, TypeError, ValueError):
        return False
    return number != 0 and math.isfinite(number)


def _is_matched_compiled(identity: Any) -> bool:
    return isinstance(identity, int) and 0 < identity <= _LARGEST_ID


def _matches(judge) -> bool:
    wanted = judge.cfg.get('metric', 'bbox')
    wanted = [wanted] if isinstance(wanted, str) else wanted or []
    return any(metric != _NO_MATCHING for metric in wanted)


def _check_annotation_ids(judge, file, compiled):
    counts = _is_matched_compiled if compiled else is_matched
    lost = [row for row, key in enumerate(file.box_ids) if not counts(key)]
    if not lost:
        return
    more = f' and {len(lost) - 1:,} more' if lost[1:] else ''
    said = (
        f'{judge.place}: {file.path}, annotations[{lost[0]}]: the id '
        f'{shown_value(file.box_ids[lost[0]])}{more} would never be found by '
        f'{type_name(judge.cfg)}; number the annotations from 1'
        f'{_or_by_name(judge)}'
    )
    if _figure_off(file, lost) > _SEEN:
        raise UserError(said)
    warn(said)


def _figure_off(file: Annotations, lost: list[int]) -> float:
    """By how much an AP can be too low; it is the mean over the classes."""
    boxes = Counter(
        category
        for category, crowd in zip(
            file.box_categories, file.crowds, strict=True
        )
        if not crowd
    )
    off = sum(
        1 / boxes[file.box_categories[row]]
        for row in lost
        if not file.crowds[row]
    )
    return off / max(1, len(boxes))


def _check_kind(judge, file, section, ids):
    """The evaluation sorts them."""
    known = [identity for identity in ids if identity is not None]
    kinds = {isinstance(identity, str): identity for identity in known}
    if len(kinds) > 1:
        raise UserError(
            f'{judge.place}: {file.path} has ids of {section!r} with quotes '
            f'({shown_value(kinds[True])}) and without '
            f'({shown_value(kinds[False])}), which '
            f'{type_name(judge.cfg)} does not sort; write all without, here '
            'and in the annotations'
        )


def _check_exact(judge, file, section, ids):
    for row, identity in enumerate(ids):
        number = isinstance(identity, int | float)
        if not number or abs(identity) > _LARGEST_EXACT:
            raise UserError(
                f'{judge.place}: {file.path}, {section}[{row}]: '
                f'{type_name(judge.cfg)} does not take the id '
                f'{shown_value(identity)}; write a number below '
                f'{_LARGEST_EXACT:,}{_or_by_name(judge)}'
            )


def _or_by_name(judge) -> str:
    if not judge.is_of_boxes:
        return ''
    return (
        ', or take the metric that does it itself: set --cfg-options '
        f'{judge.place}.type={_BY_NAME}'
    )


def _check_something_counts(judge, leaves, file):
    names = {name for leaf in leaves for name in leaf.classes or ()}
    labels = file.box_labels(tuple(names))
    if judge.is_of_boxes and not np.any((labels >= 0) & ~file.crowds):
        crowds = int(file.crowds.sum())
        raise UserError(
            f'{judge.place}.ann_file: of {len(file.boxes):,} annotations in '
            f'{file.path} none can be judged ({crowds:,} are crowds); take '
            'the annotations of the images that are validated'
        )
