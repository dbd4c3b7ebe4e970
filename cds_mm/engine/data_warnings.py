"""What is suspicious about the data of a run, and may be meant."""

import contextlib

import cds_mm.hosts  # noqa: F401

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio

from cds_mm.config import evaluated_side, image_side, is_detection
from cds_mm.data.class_names import class_names
from cds_mm.data.deep_images import deep_values, missed_range, white_of
from cds_mm.data.host_folders import report_left_out
from cds_mm.data.labels import built_steps, dataset_labels, leaf_datasets
from cds_mm.data.loading import LoadRGBImage
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

# Images of a data set that are opened for their kind.
_OPENED = 16
_SHOWN = 3


def warn_of_data(runner, cfg, splits: tuple[str, ...]) -> None:
    """Warn of lost files, equal labels, other sizes, dark images and more.

    Args:
        runner: with its data built.
        cfg: of the run.
        splits: that it uses.
    """
    for split in splits:
        loader = getattr(runner, f'{split}_dataloader', None)
        dataset = getattr(loader, 'dataset', None)
        if dataset is None:
            continue
        warn_of_deep_images(dataset, split, runner.logger)
        if is_detection(cfg):
            continue
        report_left_out(dataset)
        warn_of_missing_classes(dataset, split, runner.logger)
        if split != 'train':
            warn_of_sizes(cfg, split, runner.logger)
        elif num_classes := (cfg.model.get('head') or {}).get('num_classes'):
            warn_of_equal_labels(dataset, num_classes, runner.logger)


def warn_of_missing_classes(dataset, split: str, logger) -> None:
    """Warn of classes that no image is of.

    In validation and test it may be meant, unless ``indices`` has cut the
    images off.

    Args:
        dataset: a built one, wrapped or not.
        split: of its key in the config.
        logger: of the run.
    """
    names = class_names(dataset)
    cut = any(
        isinstance(getattr(leaf, '_indices', None), int)
        for leaf in leaf_datasets(dataset)
    )
    if names is None or not (cut or split == 'train'):
        return
    try:
        present = set(dataset_labels(dataset).tolist())
    except (KeyError, UserError):  # without labels
        return
    if not present - {-1}:
        return
    missing = [n for label, n in enumerate(names) if label not in present]
    if not missing:
        return
    where = f'{split}_dataloader.dataset'
    advice = 'add some, or take the classes out'
    if cut:
        advice = (
            f'{where}.indices takes the first or last images of a sorted '
            'list; a ClassFolder takes some of each class with '
            'images_per_class'
        )
    shown = ', '.join(missing[:_SHOWN]) + (', ...' * bool(missing[_SHOWN:]))
    warn(
        f'{where}: no image of {len(missing)} of {len(names)} classes '
        f'({shown}); {advice}',
        logger,
    )


def warn_of_equal_labels(dataset, num_classes: int, logger) -> None:
    """Warn of training images of which none has a label, or all have one.

    Args:
        dataset: the built data set of the training, wrapped or not.
        num_classes: of the head.
        logger: of the run.
    """
    try:
        labels = dataset_labels(dataset)
    except (KeyError, UserError):  # without labels
        return
    known = np.unique(labels[labels >= 0])
    where = 'train_dataloader.dataset'
    if labels.size and not known.size:
        warn(
            f'{where}: not one of {labels.size:,} images has a label (all are '
            '-1), so the head learns nothing; check its ann_file',
            logger,
        )
    elif known.size == 1 and num_classes > 1:
        warn(
            f'{where}: all labelled images have label {known[0]}, of '
            f'{num_classes} classes, so the head learns nothing; check its '
            'ann_file, and indices if it has them',
            logger,
        )


def warn_of_sizes(cfg, split: str, logger) -> None:
    """Warn where images are of another size than those of training.

    Args:
        cfg: of the run.
        split: 'val' or 'test'.
        logger: of the run.
    """
    trained, seen = image_side(cfg), evaluated_side(cfg, split)
    if trained and seen and trained != seen:
        warn(
            f'{split}_dataloader: its images have {seen} pixels a side, those '
            f'of training {trained}; if this is not meant, set the crop of '
            f'{split}_dataloader.dataset.pipeline to {trained}',
            logger,
        )


def warn_of_deep_images(dataset, split: str, logger) -> None:
    """Warn of 16- and 32-bit images whose values do not fill their range.

    Args:
        dataset: a built one, wrapped or not.
        split: of its key in the config.
        logger: of the run.
    """
    for leaf in leaf_datasets(dataset):
        step, load = _loader(leaf)
        if load is None or getattr(load, 'white', None):
            continue
        largest, path, count = _largest(leaf)
        missed = missed_range(largest) if count else ''
        if missed:
            key = f'{split}_dataloader.dataset.pipeline.{step}'
            way = f'{key}.white={white_of(largest)}'
            if type(load) is LoadImageFromFile:
                way = f'{key}.type=cds_mm.LoadBGRImage {way}'
            warn(
                f'{path}: its samples have more than 8 bits, and the largest '
                f'of {count} such images is {largest:g}: with the high byte '
                f'alone they {missed}; set {way}, and the same in the other '
                'pipelines',
                logger,
            )
            return


def _loader(leaf):
    for step, transform in enumerate(built_steps(leaf)):
        if isinstance(transform, LoadRGBImage | LoadImageFromFile):
            return step, transform
    return None, None


def _largest(leaf):
    """Of the samples of some images: the value, the file, how many files."""
    largest, first, count = 0.0, '', 0
    places = np.linspace(0, len(leaf) - 1, min(len(leaf), _OPENED), dtype=int)
    for place in dict.fromkeys(places.tolist()):
        path = leaf.get_data_info(place).get('img_path')
        if not path:
            break
        # What cannot be read is said by others.
        with contextlib.suppress(Exception):
            values = deep_values(fileio.get(path))
            if values is not None:
                largest = max(largest, float(values.max()))
                first, count = first or path, count + 1
    return largest, first, count
