"""Whether data and networks mean the same class by the same label."""

import copy

from mmengine.config import Config
from mmpretrain.registry import DATASETS

from cds_mm.coco.leaf import knows_its_classes
from cds_mm.config import is_detection, leaf_configs
from cds_mm.data.checks import unlisted_folder
from cds_mm.data.class_folder import ClassFolder
from cds_mm.data.class_names import (
    check_same_classes,
    check_trained_classes,
    class_names,
    odd_names,
    plain_name,
    same_names,
    trained_classes,
)
from cds_mm.data.folder_labels import (
    check_folder_labels,
    check_folders_of_classes,
)
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

_TEST = 'test_dataloader.dataset'


def check_splits(train, val, splits=('train', 'val')) -> None:
    """Compare two built data sets by names, and by folders.

    Args:
        train: one of them.
        val: the other.
        splits: of their keys in the config.

    Raises:
        UserError: a label means one class here and another there.
    """
    check_folder_labels(train, val, splits)
    check_same_classes(train, val)


def name_test_classes(cfg: Config, meta: dict) -> None:
    """Let test folders have the labels that the checkpoint was trained with.

    A folder that lacks a class would renumber the others.  Where names
    are given in the config nothing is changed.

    Args:
        cfg: of a test, changed in place.
        meta: of the checkpoint.

    Raises:
        UserError: as when the folders are listed.
    """
    known = trained_classes(meta)
    if known is None or is_detection(cfg):
        return
    leaves = leaf_configs(cfg.test_dataloader.dataset)
    missing = set(known)
    renamed = False
    for leaf in leaves:
        found = _folder_names(leaf)
        missing -= set(known if found is None else found)
        if found and set(found) <= set(known) and tuple(found) != known:
            leaf['metainfo'] = dict(leaf.get('metainfo') or {}, classes=known)
            renamed = True
    if renamed and missing:
        warn(
            f'{_TEST}: has no folder for {len(missing)} of the {len(known)} '
            f'classes of {cfg.load_from}, such as {min(missing)!r}; labels '
            'are those of the checkpoint, and the score is over the others'
        )


def _folder_names(leaf) -> list[str] | None:
    """Of a class folder without names in the config; else None."""
    kind = leaf.get('of') or leaf.get('type')
    cls = DATASETS.get(kind) if isinstance(kind, str) else kind
    named = leaf.get('classes') or (leaf.get('metainfo') or {}).get('classes')
    if not (isinstance(cls, type) and issubclass(cls, ClassFolder)):
        return None
    if named or leaf.get('ann_file') or not leaf.get('with_label', True):
        return None
    plain = copy.deepcopy({k: v for k, v in leaf.items() if k != 'pipeline'})
    return unlisted_folder(cls, plain).found_classes()


def check_judged_classes(dataset, cfg: Config, meta: dict) -> None:
    """See that a test judges by the classes that a checkpoint knows.

    Args:
        dataset: the built data set of the test.
        cfg: of the test.
        meta: of the checkpoint; nothing is compared where it has no names.

    Raises:
        UserError: other classes, or another order.
    """
    known, given = trained_classes(meta), class_names(dataset)
    if known is None:
        return
    if is_detection(cfg):
        _check_detected(known, given, cfg)
    elif given is not None:
        check_trained_classes(known, given, cfg.load_from, _TEST)
    else:
        check_folders_of_classes(dataset, known, cfg.load_from)


def check_teacher_classes(dataset, teacher) -> None:
    """See that a teacher was taught the classes of the training data.

    Args:
        dataset: the built data set of the training.
        teacher: a :class:`cds_mm.teacher.Teacher`, or None.

    Raises:
        UserError: other classes, or another order.
    """
    known = teacher and teacher.classes
    if not known:
        return
    given, where = class_names(dataset), 'train_dataloader.dataset'
    owner = f'teacher {teacher.name}'
    if given is not None:
        check_trained_classes(known, given, owner, where)
    else:
        check_folders_of_classes(dataset, known, owner)


def _check_detected(known, given, cfg):
    # Detectors of open vocabulary, told by their text model, have no order.
    if given is None or not knows_its_classes(cfg) or same_names(known, given):
        return
    place = {plain_name(name): label for label, name in enumerate(known)}
    labels = [place.get(plain_name(name)) for name in given]
    moved = [i for i, label in enumerate(labels) if label not in (None, i)]
    if moved:
        name = given[moved[0]]
        raise UserError(
            f'{cfg.load_from}: was trained with label {labels[moved[0]]} for '
            f'{name!r}, {_TEST} gives it {moved[0]}; set '
            f'{_TEST}.metainfo.classes to the names in its dataset_meta'
        )
    other = odd_names(known, given)
    if other and len(known) == len(given):
        label = given.index(other[0])
        warn(
            f'{_TEST}: label {label} is {other[0]!r}, and {known[label]!r} '
            f'in {cfg.load_from} ({len(other)} of {len(known)} names are '
            'others); if these are other classes, the figures mean nothing: '
            'test on the classes that it was trained on'
        )
