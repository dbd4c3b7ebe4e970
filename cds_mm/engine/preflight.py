"""Checks of a run before it starts, since faults are cheap to find there.

Which of them run, and in which order, stands in ``checks.py``.
"""

from mmpretrain.models import GlobalAveragePooling, LinearClsHead

from cds_mm.branches import stage_specs
from cds_mm.classifier import DeepSupervisedClassifier
from cds_mm.coco import (
    check_annotation_files,
    check_files_exist,
    check_heads,
)
from cds_mm.coco.pickled_arrays import check_pickled_arrays
from cds_mm.config import (
    image_side,
    is_detection,
    placed_evaluators,
    type_name,
)
from cds_mm.data import check_dataset, check_labels
from cds_mm.data.folder_depth import (
    check_folder_depth,
    check_several_classes,
)
from cds_mm.data.labels import leaf_datasets
from cds_mm.distributed import unwrapped
from cds_mm.engine.class_checks import check_splits
from cds_mm.engine.class_metrics import check_class_metrics
from cds_mm.engine.evaluators import check_evaluators
from cds_mm.engine.image_check import places_of
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn
from cds_mm.teacher import teacher_of


def check_data(cfg, splits: tuple[str, ...]) -> None:
    """Look at the data sets of some splits, and at how they are judged.

    Reads no file of any size.

    Raises:
        UserError: a folder or a file is missing or empty, or the layout is
            another; a metric of MMDetection cannot be used.
    """
    if is_detection(cfg):
        check_evaluators(cfg, splits)
        for split in splits:
            check_files_exist(cfg, split)
            check_pickled_arrays(cfg, split)
        return
    for split in splits:
        loader = cfg.get(f'{split}_dataloader')
        if loader is None:
            continue
        try:
            check_dataset(loader.dataset)
        except UserError as error:
            raise UserError(f'{split}_dataloader.dataset: {error}') from error
        check_class_metrics(cfg, split)


def check_annotations_and_heads(
    cfg, splits: tuple[str, ...]
) -> dict[str, dict]:
    """Read the annotation files of a detection, and compare all with all.

    Returns:
        dict: what the files hold, for :func:`report_data`; empty in
        classification.

    Raises:
        UserError: a file does not fit the config, the detector or another
            file.
    """
    if not is_detection(cfg):
        return {}
    found = check_annotation_files(cfg, splits)
    check_heads(cfg, splits)
    return found


def check_classes(runner, cfg) -> None:
    """Compare labels, class names and k of top-k with each other.

    Raises:
        UserError: a label is outside the head's range, the classes of
            training and validation differ, or top-k of fewer than k classes
            is asked for.
    """
    num_classes = (cfg.model.get('head') or {}).get('num_classes')
    if not num_classes:
        return
    train = runner.train_dataloader.dataset
    check_folders(cfg, 'train', train)
    check_several_classes(train, 'train_dataloader.dataset')
    unknown = check_labels(train, num_classes)
    if unknown:
        images = sum(map(len, leaf_datasets(train)))
        runner.logger.info(
            f'{images - unknown:,} of {images:,} training images are labelled'
        )
    _warn_of_spare_classes(train, num_classes, runner.logger)
    _check_topk(cfg, 'val', num_classes)
    if runner.val_loop is not None:
        val = runner.val_dataloader.dataset
        check_folders(cfg, 'val', val)
        check_splits(train, val)
        check_labels(val, num_classes, unlabelled=False)


def check_folders(cfg, split: str, dataset) -> None:
    """See that the folders of a split are where its classes are.

    Raises:
        UserError: as of :func:`check_folder_depth`.
    """
    if cfg.get(f'{split}_dataloader') and not is_detection(cfg):
        for place, leaf in places_of(cfg, split, dataset):
            check_folder_depth(leaf, place)


def check_test_classes(runner, cfg) -> None:
    """As :func:`check_classes`, for testing."""
    num_classes = (cfg.model.get('head') or {}).get('num_classes')
    if num_classes:
        test = runner.test_dataloader.dataset
        check_labels(test, num_classes, unlabelled=False)
        _check_topk(cfg, 'test', num_classes)


def check_teacher(cfg, model) -> None:
    """Compare the resolution of the data with that of the teacher's.

    Raises:
        UserError: the teacher has learned from images of another size.
    """
    teacher = teacher_of(model)
    if not teacher:
        return
    ours = image_side(cfg)
    theirs = teacher.image_side
    if ours and theirs and ours != theirs:
        raise UserError(
            f'teacher {teacher.name}: was trained on images of {theirs} '
            f'pixels, the student sees {ours}; crop the images to {theirs}, '
            'or take a teacher of this resolution'
        )


def check_head(model) -> None:
    """Compare what the head reads with what the backbone gives.

    Raises:
        UserError: they differ, which would show in the first step only.
    """
    model = unwrapped(model)
    head = getattr(model, 'head', None)
    if (
        isinstance(model, DeepSupervisedClassifier)
        and type(head) is LinearClsHead
        and not model.with_neck
    ):
        raise UserError(
            'model.neck is not set: the head reads pooled vectors, and the '
            'backbone gives maps; set '
            "model.neck=dict(type='GlobalAveragePooling')"
        )
    wanted = getattr(head, 'in_channels', None)
    pooled = isinstance(getattr(model, 'neck', None), GlobalAveragePooling)
    if not (pooled and isinstance(wanted, int)):
        return
    given = list(stage_specs(model.backbone).values())[-1].channels
    if given != wanted:
        raise UserError(
            f'model.head.in_channels={wanted}: the backbone gives {given} '
            f'channels; set model.head.in_channels={given}'
        )


def _warn_of_spare_classes(dataset, num_classes, logger):
    # Not known where an annotation file gives the labels.
    classes = dataset.metainfo.get('classes') or ()
    if 0 < len(classes) < num_classes:
        warn(
            f'model.head.num_classes={num_classes}: the training data has '
            f'{len(classes)} classes; set model.head.num_classes='
            f'{len(classes)}',
            logger,
        )


def _check_topk(cfg, split, num_classes):
    for where, evaluator in placed_evaluators(cfg, split):
        topk = evaluator.get('topk') or 1
        largest = topk if isinstance(topk, int) else max(topk)
        if type_name(evaluator) == 'Accuracy' and largest > num_classes:
            raise UserError(
                f'{where}.topk={topk}: there are {num_classes} classes; set '
                f'{where}.topk=1, and the same for the other split'
            )
