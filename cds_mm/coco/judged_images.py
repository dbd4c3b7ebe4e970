"""Whether a metric judges the images that the data sets hand out.

COCO's evaluation goes over all images of the metric's own file: a box in one
that the data set does not hand out is a missed box, and an image is known by
its id, so that another set with the ids 1, 2, 3, ... is taken for the same
images.  Either way a figure comes out, and it is wrong.
"""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import TypeAlias

import numpy as np

from cds_mm.coco.annotations import Annotations
from cds_mm.coco.evaluators import SEVERAL, CocoEvaluator
from cds_mm.coco.leaf import Leaf, same_file
from cds_mm.coco.overlap import share_of_same_boxes
from cds_mm.coco.shown_images import shown_rows
from cds_mm.config import type_name
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

# So few images with another name are a slip in them, not another set.
_FEW = 0.01
# Two annotators of one image agree on more of their boxes than this.
_ALIKE = 0.1

# A data set, its file, and the rows of the images that it hands out.
_Shown: TypeAlias = tuple[Leaf, Annotations, list[int]]


def check_judged_images(
    judge: CocoEvaluator,
    leaves: Sequence[Leaf],
    files: Callable[[str], Annotations],
) -> None:
    """Compare the images of a metric's file with those of its data sets.

    Says nothing where what the data sets hand out cannot be known, and
    nothing of images without boxes, which change no figure.

    Args:
        judge: the metric.
        leaves: the data sets that it judges.
        files: reads an annotation file.

    Raises:
        UserError: the metric would count boxes of images that are not handed
            out, or take other images for those.
    """
    if not judge.scores or not leaves:
        return
    shown = _shown(judge, leaves, files)
    if shown is None:
        return
    _check_ids_apart(judge, shown)
    if not judge.annotation_path:  # it judges by what it is handed
        return
    judged = files(judge.annotation_path)
    for one in shown:
        _check_known(judge, judged, one, shown)
    _check_all_shown(judge, judged, shown)
    for one in shown:
        if not same_file(one[1].path, judged.path):
            _check_same_images(judge, judged, one, shown)


def _shown(judge, leaves, files) -> list[_Shown] | None:
    own = [leaf.annotation_path for leaf in leaves]
    if not all(own) or not all(leaf.order_is_known for leaf in leaves):
        return None
    (first, *others) = leaves
    if not others and judge.annotation_path:
        whole = first.dataset._indices is None and not first.filters
        if whole and same_file(own[0], judge.annotation_path):
            return None  # large files take a while
    found: list[_Shown] = []
    for leaf in leaves:
        file = files(leaf.annotation_path)
        rows = shown_rows(leaf, file)
        if rows is None:
            return None
        found.append((leaf, file, rows))
    return found


def _check_ids_apart(judge, shown):
    """Images of joined data sets are told apart by their ids alone."""
    first: dict = {}
    for leaf, file, rows in shown:
        for image in {file.image_ids[row] for row in rows}:
            other = first.setdefault(image, leaf)
            if other is not leaf:
                raise UserError(
                    f'{judge.place}: {other.place} and {leaf.place} both have '
                    f'an image with the id {image}, which it takes for one '
                    'image; give the images of all files ids of their own, '
                    f'or {_other_than_joined(judge, shown)}'
                )


def _check_known(judge, judged, one, shown):
    leaf, file, rows = one
    known = set(judged.image_ids)
    lacking = {file.image_ids[row] for row in rows} - known
    if lacking:
        raise UserError(
            f'{judge.place}.ann_file: {judged.path} lacks {len(lacking):,} '
            f'images of {leaf.place}, which reads {file.path}; '
            f'{_fix(judge, file, shown)}'
        )


def _check_all_shown(judge, judged, shown):
    missed = _with_boxes(judged, shown) - {
        file.image_ids[row] for _, file, rows in shown for row in rows
    }
    if not missed:
        return
    places = ' and '.join(leaf.place for leaf, *_ in shown)
    own = ' and '.join(dict.fromkeys(file.path for _, file, _ in shown))
    raise UserError(
        f'{judge.place}.ann_file: {judged.path} has boxes in {len(missed):,} '
        f'images that {places} ({own}) does not hand out, and all of them '
        f'would count as missed; {_fix_of_missed(judge, judged, shown)}'
    )


def _fix_of_missed(judge, judged, shown) -> str:
    """The settings after which nothing is missed any more."""
    if shown[1:]:
        return _fix(judge, None, shown)
    ((leaf, file, _),) = shown
    if not _has_annotations(judge, file):
        return _fix(judge, file, shown)
    options = []
    if not same_file(file.path, judged.path):
        options.append(f'{judge.place}.ann_file={file.path}')
    cuts = []
    if leaf.dataset._indices is not None:
        cuts.append(f'{leaf.place}.indices=None')
    if leaf.filters:
        cuts.append(f'{leaf.place}.test_mode=True')
    fix = f'set --cfg-options {" ".join([*options, *cuts])}'
    if cuts:
        return f'let both read a file of the images handed out, or {fix}'
    return fix


def _with_boxes(judged, shown) -> set:
    """Images of a file that have a box of a class that is judged."""
    names = {name for leaf, *_ in shown for name in leaf.classes or ()}
    ids = {key for key, name in judged.categories if name in names}
    boxes = zip(judged.box_images, judged.box_categories, strict=True)
    # Where a file has no categories of boxes (panoptic), all that it has.
    return {
        image
        for image, category in boxes
        if category is None or category in ids
    }


def _check_same_images(judge, judged, one, shown):
    """Equal ids may be those of other images."""
    leaf, file, rows = one
    place_of = {image: row for row, image in enumerate(judged.image_ids)}
    pairs = [(row, place_of[file.image_ids[row]]) for row in rows]
    others = [(a, b) for a, b in pairs if _differ(file, a, judged, b)]
    if others:
        a, b = others[0]
        said = (
            f'{judge.place}.ann_file: {judged.path} has other images than '
            f'{leaf.place} ({file.path}) under {len(others):,} of '
            f'{len(pairs):,} ids: {file.image_ids[a]} is '
            f'{_described(judged, b)} there and {_described(file, a)} here'
        )
        if len(others) > _FEW * len(pairs):
            raise UserError(f'{said}; {_fix(judge, file, shown)}')
        warn(f'{said}; correct one of them')
    elif share_of_same_boxes(file, judged, pairs) < _ALIKE:
        warn(
            f'{judge.place}.ann_file: {judged.path} and {leaf.place} '
            f'({file.path}) have the same ids and names of images, but other '
            'boxes; if these are other images, '
            f'{_fix(judge, file, shown)}'
        )


def _differ(file, row, other, its) -> bool:
    """Whether two entries cannot be of one image."""
    names = file.file_names[row], other.file_names[its]
    # Folders go with data_prefix, and a suffix with the way it is stored.
    stems = {PurePosixPath(name.replace('\\', '/')).stem for name in names}
    sizes = file.sizes[row], other.sizes[its]
    known = not np.isnan(sizes).any()
    return len(stems) > 1 or (known and not np.array_equal(*sizes))


def _described(file, row) -> str:
    width, height = file.sizes[row]
    return f'{file.file_names[row]} of {width:g} x {height:g}'


def _fix(judge, file, shown) -> str:
    if shown[1:]:
        return (
            f'set {judge.place}.ann_file to a file of exactly the images of '
            f'these data sets, or {_other_than_joined(judge, shown)}'
        )
    if not _has_annotations(judge, file):
        return (
            f'set {judge.place}.ann_file to the annotations of the images of '
            f'{file.path}'
        )
    return f'set {judge.place}.ann_file={file.path}'


def _other_than_joined(judge, shown) -> str:
    """What to set where one metric does not do for joined data sets."""
    if '.' in judge.place:  # one of several metrics
        return 'validate on one of the data sets'
    metrics = ', '.join(
        f'dict({_arguments(dict(judge.cfg, ann_file=file.path))})'
        for _, file, _ in shown
    )
    prefixes = [str(number) for number, _ in enumerate(shown)]
    return (
        f"judge each by itself: set {judge.place} = dict(type='{SEVERAL}', "
        f'dataset_prefixes={prefixes}, metrics=[{metrics}]) in the config, '
        'with _delete_=True where it has a _base_'
    )


def _arguments(settings) -> str:
    settings['type'] = type_name(settings)
    settings.pop('_scope_', None)  # of the host's own
    return ', '.join(f'{key}={value!r}' for key, value in settings.items())


def _has_annotations(judge, file) -> bool:
    """Whether a file can be the metric's own; not one of images alone."""
    return not judge.is_of_boxes or not np.isnan(file.boxes).all()
