"""One look at the annotation files of a detection run before it starts."""

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from mmengine.config import Config

from cds_mm.coco.annotations import Annotations
from cds_mm.coco.boxes import check_boxes, count_boxes
from cds_mm.coco.evaluators import CocoEvaluator, coco_evaluators
from cds_mm.coco.judged_images import check_judged_images
from cds_mm.coco.judging_file import check_judging_file
from cds_mm.coco.leaf import (
    Leaf,
    detection_leaves,
    knows_its_classes,
    same_file,
    splits_with_classes,
)
from cds_mm.coco.masks import check_masks
from cds_mm.coco.mismatches import Mismatches
from cds_mm.coco.names import check_unique, shown
from cds_mm.coco.reading import read_annotations
from cds_mm.coco.repeats import warn_of_repeats
from cds_mm.coco.sections import check_entries
from cds_mm.coco.shared_images import warn_of_shared_images
from cds_mm.coco.shown_images import left_by_filter, shown_rows
from cds_mm.coco.summary import summary_of
from cds_mm.coco.xml_files import check_xml_files
from cds_mm.data.class_names import odd_names, same_names
from cds_mm.errors import UserError
from cds_mm.quiet import quiet_hosts_load
from cds_mm.run_warnings import warn


@dataclass
class _Files:
    """Annotation files, each read once."""

    read: dict[str, Annotations] = field(default_factory=dict)

    def __call__(self, path: str) -> Annotations:
        for known, file in self.read.items():
            if same_file(known, path):
                return file
        self.read[path] = read_annotations(path)
        return self.read[path]


def check_annotation_files(
    cfg: Config, splits: Sequence[str]
) -> dict[str, dict]:
    """Compare annotation files with the config, and with each other.

    Data sets of other formats are looked at where that has a meaning; what
    MMDetection cannot build is left to it.  That the files are there is the
    matter of :func:`cds_mm.coco.check_files_exist`.

    Args:
        cfg: a full config of MMDetection.
        splits: that the run uses.

    Returns:
        dict: what the files hold, for the data report, by the keys of the
        data sets.

    Raises:
        UserError: labels, boxes or figures would be wrong, or nothing is
            left to learn from.
    """
    with quiet_hosts_load():
        import mmdet.datasets  # noqa: F401
    leaves = {split: detection_leaves(cfg, split) for split in splits}
    _check_same_classes(cfg, leaves)
    files = _Files()
    plain = [
        (split, leaf, files(leaf.annotation_path))
        for split, of_split in leaves.items()
        for leaf in of_split
        if leaf.label_order and leaf.annotation_path
    ]
    judges = {
        split: coco_evaluators(cfg, split, [leaf.dataset for leaf in found])
        for split, found in leaves.items()
    }
    mismatches = Mismatches()
    for split, leaf, file in plain:
        _check_leaf(leaf, file, judges[split], mismatches)
    for split, of_split in judges.items():
        for judge in of_split:
            _check_judge(judge, judge.judged(leaves[split]), files, mismatches)
    mismatches.raise_if_any()
    for split, found in leaves.items():
        check_xml_files(found, trains=split == 'train')
    summaries = _check_content(plain, judges)
    warn_of_shared_images(cfg, leaves, files)
    return summaries


def _check_leaf(leaf, file, judges, mismatches):
    judged = any(judge.reads(file.path) for judge in judges)
    optional = set() if judged else {'iscrowd'}
    check_entries(
        leaf.place, file, leaf.is_by_name, leaf.unread_keys, optional
    )
    if leaf.is_unlabelled or leaf.classes is None:
        return
    check_unique(leaf.place, leaf.classes, file)
    mismatches.compare(leaf, file)


def _check_judge(judge: CocoEvaluator, leaves, files, mismatches):
    """Look at the file of a metric, which may be another."""
    path = judge.annotation_path
    (leaf, *others) = leaves or [None]
    if path and judge.is_of_boxes:
        file = files(path)
        optional = set() if judge.scores else {'iscrowd'}
        check_entries(judge.place, file, judge.is_by_name, optional=optional)
        if leaf and leaf.classes and not others:
            mismatches.compare_judge(judge, leaf, file)
    check_judging_file(judge, leaves, files)
    check_judged_images(judge, leaves, files)


def _check_content(plain, judges) -> dict[str, dict]:
    summaries: dict[str, dict] = {}
    used: dict[str, int] = {}
    for split, leaf, file in plain:
        labels = file.box_labels(leaf.classes or ())
        counts, handed_out = count_boxes(file, labels)
        if leaf.has_plain_boxes and not leaf.is_unlabelled:
            check_boxes(leaf.place, file, counts)
            warn_of_repeats(leaf.place, file)
            if leaf.needs_masks:
                check_masks(leaf.place, file, handed_out)
            used[split] = used.get(split, 0) + counts.used
            if not left_by_filter(leaf, file, labels).any():
                _nothing_left(leaf, file, counts)
        used_boxes = handed_out & ~file.crowds & _chosen(leaf, file)
        summaries[leaf.place] = summary_of(
            leaf, file, labels, used_boxes, counts
        )
    for split, leaf, file in plain:
        scored = [judge for judge in judges[split] if judge.scores]
        if used.get(split) == 0 and (split == 'train' or scored):
            counts, _ = count_boxes(file, file.box_labels(leaf.classes or ()))
            _nothing_left(leaf, file, counts)
    _warn_of_empty_classes(plain, summaries)
    return summaries


def _chosen(leaf: Leaf, file: Annotations) -> np.ndarray:
    """(boxes,) whether ``indices`` leaves the image of each box."""
    chosen = leaf.dataset._indices is not None
    rows = shown_rows(leaf, file) if chosen else None
    if rows is None:
        return np.ones(len(file.box_images), dtype=bool)
    images = {file.image_ids[row] for row in rows}
    return np.array([image in images for image in file.box_images], bool)


def _check_same_classes(cfg: Config, leaves: dict[str, list[Leaf]]) -> None:
    """A label means one class in all splits, and in data sets of one."""
    if not knows_its_classes(cfg):
        return
    leaves = dict(leaves)
    if 'train' not in leaves and cfg.get('train_dataloader'):
        # A test does not need the files of the training.
        with contextlib.suppress(UserError):
            leaves['train'] = detection_leaves(cfg, 'train')
    first = splits_with_classes(leaves).get('train')
    if first is None:
        return
    place, classes = first
    for leaf in itertools.chain.from_iterable(leaves.values()):
        other, theirs = leaf.place, leaf.classes
        if leaf.is_unlabelled or not theirs:
            continue
        if not same_names(classes, theirs):
            odd = sorted(
                odd_names(classes, theirs) + odd_names(theirs, classes)
            )
            what = shown(sorted(odd)) if odd else 'their order'
            raise UserError(
                f'{place} has {len(classes)} classes ({shown(classes)}) and '
                f'{other} {len(theirs)} ({shown(theirs)}), which differ in '
                f'{what}; set the same metainfo.classes in both'
            )


def _nothing_left(leaf, file, counts):
    if counts.used:
        settings = ', '.join(
            f'{key}={value}' for key, value in leaf.dataset.filter_cfg.items()
        )
        raise UserError(
            f'{leaf.place}.filter_cfg: leaves none of the '
            f'{len(file.image_ids):,} images of {file.path} ({settings}); '
            f'set {leaf.place}.filter_cfg=None, or take larger images'
        )
    reasons = ', '.join(
        f'{reason} {count:,}' for reason, count in counts.left_out.items()
    )
    why = f' (left out: {reasons})' if reasons else ''
    raise UserError(
        f'{leaf.place}: of {len(file.boxes):,} annotations in {file.path} '
        f'none is left of the classes {shown(leaf.classes or ())}{why}; '
        'check metainfo.classes and the boxes of the file'
    )


def _warn_of_empty_classes(plain, summaries):
    """A class without a box in any training file is never learned."""
    boxes: dict[str, int] = {}
    for split, leaf, _ in plain:
        if split == 'train' and not leaf.is_unlabelled:
            for name, count in summaries[leaf.place]['classes'].items():
                boxes[name] = boxes.get(name, 0) + count
    empty = [name for name, count in boxes.items() if not count]
    if empty:
        be = 'have' if empty[1:] else 'has'
        warn(
            f'train_dataloader: {shown(empty)} of metainfo.classes {be} no '
            'box in the training data and will never be detected; check the '
            'spelling, or take it out'
        )
