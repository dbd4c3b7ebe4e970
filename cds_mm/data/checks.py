"""What can be wrong with a data set, found before training starts."""

import os

import numpy as np
from mmengine import fileio
from mmpretrain.datasets import CIFAR10, CustomDataset, ImageNet
from mmpretrain.registry import DATASETS
from torch.utils.data import Dataset
from torchvision.datasets.utils import check_md5

from cds_mm.config import leaf_configs
from cds_mm.data.annotation_file import check_annotations
from cds_mm.data.class_folder import ClassFolder
from cds_mm.data.folder_depth import folder_above
from cds_mm.data.label_fraction import LabelFraction, check_label_fraction
from cds_mm.data.labels import dataset_labels, leaf_datasets
from cds_mm.data.layouts import check_layout, layout_of
from cds_mm.errors import UserError


def check_dataset(dataset: dict | Dataset) -> None:
    """Raise one UserError for what MMPretrain's data sets report badly.

    A config is checked without listing its files, so the check is cheap also
    for ImageNet; it never tries the network.

    Args:
        dataset: the config of a data set, or a built one.

    Raises:
        UserError: a missing root, a wrong layout or a broken CIFAR pickle;
            for a built data set, no samples.
    """
    if not isinstance(dataset, dict):
        for leaf in leaf_datasets(dataset):
            if len(leaf) == 0:
                raise UserError(
                    f'{type(leaf).__name__}: has no samples; check its '
                    'data_root, split, ann_file and indices'
                )
        return
    for cfg in leaf_configs(dataset):
        kind = cfg.get('type')
        cls = DATASETS.get(kind) if isinstance(kind, str) else kind
        if cls is LabelFraction:
            cls = _checked_fraction(cfg)
        if cls is None or not isinstance(cls, type):
            continue
        layout = layout_of(cls)
        if layout is not None:
            check_layout(layout, cfg.get('data_root') or '.')
        elif issubclass(cls, CIFAR10):
            _check_cifar(cls, cfg)
        elif issubclass(cls, CustomDataset):
            _check_folder(cls, cfg)


def check_labels(
    dataset: Dataset, num_classes: int, unlabelled: bool = True
) -> int:
    """Check that every label fits the classifier; -1 is unlabelled.

    Args:
        dataset: a built data set, wrapped or not.
        num_classes: the number of classes of the head.
        unlabelled: whether there may be unlabelled images.

    Returns:
        int: how many images are unlabelled.

    Raises:
        UserError: the first label outside of the range, and the number that
            the config needs.
    """
    unknown = 0
    for leaf in leaf_datasets(dataset):
        labels = dataset_labels(leaf)
        without = np.flatnonzero(labels == -1)
        unknown += without.size
        if without.size and not unlabelled:
            raise UserError(
                f'{_name(leaf, without[0])}: has no label (-1), so its score '
                'is unknown; validate and test on labelled images alone'
            )
        wrong = np.flatnonzero((labels < -1) | (labels >= num_classes))
        if not wrong.size:
            continue
        first = int(wrong[0])
        name = _name(leaf, first)
        if labels.min() < -1:
            raise UserError(
                f'{name}: label {labels[first]} is below -1, the mark of an '
                'unlabelled image; correct the annotation'
            )
        known = labels[labels >= 0]
        if known.min() == 1 and known.max() == num_classes:
            raise UserError(
                f'{name}: label {labels[first]} does not fit a head of '
                f'{num_classes} classes; the labels start at 1 and not at 0: '
                f'{_count_from_one(leaf)}'
            )
        raise UserError(
            f'{name}: label {labels[first]} does not fit a head of '
            f'{num_classes} classes; set '
            f'model.head.num_classes={labels.max() + 1}'
        )
    return unknown


def _count_from_one(leaf) -> str:
    if isinstance(leaf, ClassFolder):
        return 'set first_label=1 of its dataset'
    where = getattr(leaf, 'ann_file', '') or 'the annotation'
    return f'subtract 1 from each in {where}'


def _name(leaf, place: int) -> str:
    info = leaf.get_data_info(int(place))
    return info.get('img_path', f'sample {place}')


def _check_cifar(cls, cfg: dict) -> None:
    root = os.path.join(cfg.get('data_root', ''), cfg.get('data_prefix', ''))
    folder = os.path.join(root, cls.base_folder)
    meta = [cls.meta['filename'], cls.meta.get('md5')]
    for name, md5 in (*cls.train_list, *cls.test_list, meta):
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            raise UserError(
                f'{path}: no such file; unpack {cls.url} into '
                f'{root or "."}, or set data_root to where it is'
            )
        if md5 is not None and not check_md5(path, md5):
            raise UserError(
                f'{path}: its checksum is not that of the published file; '
                f'unpack {cls.url} again, or use ClassFolder for images of '
                'your own'
            )


def _check_folder(cls, cfg: dict) -> None:
    root = os.path.expanduser(cfg.get('data_root', ''))
    prefix = cfg.get('data_prefix') or cfg.get('split', '')
    if isinstance(prefix, dict):
        prefix = prefix.get('img_path', '')
    folder = fileio.join_path(root, prefix) if prefix else root
    if not fileio.isdir(folder):
        own = issubclass(cls, ClassFolder)
        where = 'the folder of your images' if own else cls.__name__
        raise UserError(
            f'{folder}: no such folder; set data_root of the dataset to '
            f'where {where} is'
        )
    annotations = cfg.get('ann_file') or _found_annotations(cls, cfg, root)
    if annotations:
        check_annotations(
            fileio.join_path(root, annotations),
            cfg.get('with_label', True),
            may_be_marked=issubclass(cls, ClassFolder),
        )
    elif issubclass(cls, ImageNet):
        _check_class_count(cls, cfg, folder)
    elif issubclass(cls, ClassFolder):
        unlisted_folder(cls, cfg).check_not_empty()
    elif cfg.get('with_label', True):
        next(_folders(folder), None) or _no_class_folders(folder)
    if issubclass(cls, ClassFolder):
        unlisted_folder(cls, cfg).check_unlabelled()


def unlisted_folder(cls: type[ClassFolder], cfg: dict) -> ClassFolder:
    """A class folder that has not listed its files.

    Args:
        cls: its class.
        cfg: its config; other arguments are checked when it lists them.
    """
    wanted = (
        'data_root split data_prefix ann_file class_from extensions unlabelled'
    )
    given = {key: cfg[key] for key in wanted.split() if key in cfg}
    return cls(**given, lazy_init=True)


def _checked_fraction(cfg: dict) -> type | None:
    """The data set inside, once the other arguments are sound."""
    of = cfg.get('of')
    keep = cfg.get('keep', 'all')
    check_label_fraction(of, cfg.get('ratio'), cfg.get('file'), keep)
    return DATASETS.get(of) if isinstance(of, str) else of


def _found_annotations(cls, cfg: dict, root: str) -> str:
    """The annotation file that MMPretrain's ImageNet finds by itself."""
    path = fileio.join_path('meta', f'{cfg.get("split")}.txt')
    found = issubclass(cls, ImageNet) and fileio.isfile(
        fileio.join_path(root, path)
    )
    return path if found else ''


def _check_class_count(cls, cfg: dict, folder: str) -> None:
    named = cfg.get('classes') or (cfg.get('metainfo') or {}).get('classes')
    wanted = cls.METAINFO['classes'] if named is None else named
    found = len(list(_folders(folder)))
    if not found:
        _no_class_folders(folder)
    if not isinstance(wanted, str) and found != len(wanted):
        raise UserError(
            f'{folder}: holds {found} class folders where {cls.__name__} '
            f'has {len(wanted)}; complete it, or set type=ClassFolder and '
            f'model.head.num_classes={found}'
        )


def _folders(folder: str):
    return fileio.list_dir_or_file(folder, list_file=False)


def _no_class_folders(folder: str):
    raise UserError(
        f'{folder}: holds no class folders, and there is no annotation '
        "file; set ann_file, or type=ClassFolder and class_from='prefix' if "
        "the file names start with '<class>_'" + folder_above(folder)
    )
