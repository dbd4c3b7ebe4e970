"""A data set of a detection config, before it reads its annotations."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope, Registry

from cds_mm.coco.names import shown
from cds_mm.coco.readers import (
    LabelOrder,
    label_order,
    lists_its_file,
    unread_keys,
)
from cds_mm.config import first_steps, is_local, named_leaves, type_name
from cds_mm.errors import UserError


@dataclass(frozen=True)
class Leaf:
    """A data set as MMDetection is going to build it.

    Attributes:
        place: its key in the config.
        cfg: its config.
        kind: its class.
        metainfo: as the host understands it.
        dataset: built, but with nothing read and no pipeline; none where
            its format is not COCO's.
    """

    place: str
    cfg: dict
    kind: Any
    metainfo: dict
    dataset: Any

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of its classes; none where it does not say."""
        found = self.metainfo.get('classes')
        return tuple(found) if isinstance(found, list | tuple) else None

    @property
    def annotation_path(self) -> str:
        """Its annotation file; empty where that is on another machine."""
        path = str(getattr(self.dataset, 'ann_file', None) or '')
        remote = '://' in path or not is_local(self.cfg.get('backend_args'))
        return '' if remote else path

    @property
    def label_order(self) -> LabelOrder | None:
        """How its labels are numbered; none where its reader is not known."""
        return None if self.dataset is None else label_order(self.kind)

    @property
    def has_plain_boxes(self) -> bool:
        """Whether it takes the boxes of its file as MMDetection's class."""
        from mmdet.datasets import CocoDataset

        return (
            self.label_order is not None
            and self.kind.parse_data_info is CocoDataset.parse_data_info
            and self.kind.filter_data is CocoDataset.filter_data
        )

    @property
    def filters(self) -> bool:
        """Whether it leaves images out by its ``filter_cfg``."""
        return not self.dataset.test_mode and bool(self.dataset.filter_cfg)

    @property
    def order_is_known(self) -> bool:
        """Whether the images before its filter are known, and what is left."""
        from mmdet.datasets import CocoDataset

        return (
            self.dataset is not None
            and lists_its_file(self.kind)
            and (
                not self.filters
                or self.kind.filter_data is CocoDataset.filter_data
            )
        )

    @property
    def is_by_name(self) -> bool:
        """Whether it labels by the names of the categories."""
        return self.label_order == 'names'

    @property
    def unread_keys(self) -> set[str]:
        """Keys of an image in its file that it does not read."""
        return unread_keys(self.kind)

    @property
    def is_published(self) -> bool:
        """Whether its classes are those of a published set, unchanged."""
        from mmdet.datasets import CocoDataset

        own = (self.cfg.get('metainfo') or {}).get('classes')
        generic = self.kind is CocoDataset or self.is_by_name
        return own is None and not generic

    @property
    def is_unlabelled(self) -> bool:
        """Whether its pipeline takes no labels, as in semi-supervision."""
        steps = first_steps(self.cfg.get('pipeline') or [])
        return 'LoadEmptyAnnotations' in map(type_name, steps)

    @property
    def needs_masks(self) -> bool:
        """Whether its pipeline loads masks."""
        steps = first_steps(self.cfg.get('pipeline') or [])
        return any(
            type_name(step) == 'LoadAnnotations' and step.get('with_mask')
            for step in steps
        )


def detection_leaves(cfg: Config, split: str) -> list[Leaf]:
    """The data sets of a split that give boxes for one image each.

    Those that cannot be built are left to the host, which says why.

    Args:
        cfg: a full config of MMDetection.
        split: 'train', 'val' or 'test'.

    Raises:
        UserError: the classes are a string.
    """
    loader = cfg.get(f'{split}_dataloader') or {}
    key = f'{split}_dataloader.dataset'
    leaves = []
    for place, leaf in named_leaves(loader.get('dataset') or {}, key):
        found = _unread(place, leaf)
        if found is not None:
            _check_classes(found)
            leaves.append(found)
    return leaves


def check_files_exist(cfg: Config, split: str) -> None:
    """See that the annotation files of a split are there.

    Raises:
        UserError: one is missing.
    """
    loader = cfg.get(f'{split}_dataloader') or {}
    key = f'{split}_dataloader.dataset'
    for place, leaf in named_leaves(loader.get('dataset') or {}, key):
        root, name = leaf.get('data_root') or '', leaf.get('ann_file')
        if (
            not isinstance(name, str)
            or not name
            or not is_local(leaf.get('backend_args'))
        ):
            continue
        path = os.path.join(root, name)
        if '://' not in path and not os.path.exists(path):
            raise UserError(
                f'{place}: there is no {path}; name your files with '
                f'--cfg-options {place}.data_root=... {place}.ann_file=...'
            )


def knows_its_classes(cfg: Config) -> bool:
    """Whether the classes of a config's model are those of its data.

    A detector that reads the names as text takes any others in a test.
    """
    return not cfg.model.get('language_model')


def same_file(one: str, other: str) -> bool:
    """Whether two paths are of one file."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.abspath(one) == os.path.abspath(other)


def class_named(registry: Registry, kind: Any) -> Any:
    """The class that a ``type`` of a detection config means, or none.

    Args:
        registry: MMEngine's own, of such classes.
        kind: a name, or the class itself.
    """
    if not isinstance(kind, str):
        return kind
    with (
        DefaultScope.overwrite_default_scope('mmdet'),
        registry.switch_scope_and_registry(None) as of_scope,
    ):
        return of_scope.get(kind)


def splits_with_classes(
    leaves: dict[str, list[Leaf]],
) -> dict[str, tuple[str, Sequence[str]]]:
    """For each split with classes, its first data set's key and classes."""
    found: dict[str, tuple[str, Sequence[str]]] = {}
    for split, of_split in leaves.items():
        for leaf in of_split:
            if leaf.classes and not leaf.is_unlabelled:
                found.setdefault(split, (leaf.place, leaf.classes))
    return found


def _unread(place: str, cfg: dict) -> Leaf | None:
    """The data set with nothing read, if it is one of boxes."""
    from mmdet.datasets import BaseDetDataset, CocoDataset

    try:
        with DefaultScope.overwrite_default_scope('mmdet'):
            kind = class_named(DATASETS, cfg.get('type'))
            if not issubclass(kind, BaseDetDataset):
                return None
            if not issubclass(kind, CocoDataset):  # may read in its __init__
                metainfo = kind._load_metainfo(cfg.get('metainfo'))
                return Leaf(place, cfg, kind, metainfo, None)
            wanted = dict(cfg, pipeline=[], lazy_init=True)
            dataset = DATASETS.build(wanted)
            return Leaf(place, cfg, kind, dataset.metainfo, dataset)
    except Exception:  # whatever a host's class raises, it will again
        return None


def _check_classes(leaf):
    classes, place = leaf.metainfo.get('classes'), leaf.place
    if isinstance(classes, str):
        raise UserError(
            f'{place}.metainfo.classes={classes!r}: is one string, of which '
            'each letter would be a class; write '
            f'{place}.metainfo.classes="({classes!r},)"'
        )
    if isinstance(classes, list | tuple) and not all(
        isinstance(name, str) for name in classes
    ):
        raise UserError(
            f'{place}.metainfo.classes: {shown(list(classes))} are not all '
            'strings; write each name in quotes'
        )
