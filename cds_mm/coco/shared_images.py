"""Warn of images that are both trained on and evaluated."""

import contextlib
import os
from collections.abc import Callable, Iterator

from mmengine.config import Config

from cds_mm.coco.annotations import Annotations
from cds_mm.coco.leaf import Leaf, detection_leaves, same_file
from cds_mm.coco.shown_images import shown_rows
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn


def warn_of_shared_images(
    cfg: Config,
    leaves: dict[str, list[Leaf]],
    files: Callable[[str], Annotations],
) -> None:
    """Compare the image files of the training with those of other splits.

    Args:
        cfg: a full config of MMDetection.
        leaves: the data sets of each split that the run uses.
        files: reads an annotation file.
    """
    if 'train' not in leaves:
        _warn_of_one_file(cfg, leaves)
        return
    folders = _Folders()
    trained = {
        path: leaf.place
        for leaf in leaves['train']
        if _is_known(leaf)
        for path in _paths(leaf, files, folders)
    }
    for split, of_split in leaves.items():
        for leaf in of_split:
            if split == 'train' or not trained or not _is_known(leaf):
                continue
            paths = [*_paths(leaf, files, folders)]
            shared = [path for path in paths if path in trained]
            if shared:
                _warn(
                    leaf,
                    trained[shared[0]],
                    f'{len(shared):,} of {len(paths):,} images (the first is '
                    f'{shared[0]}) are',
                )


def _warn_of_one_file(cfg, leaves):
    """A test does not read the annotations of the training."""
    train = []
    if cfg.get('train_dataloader'):
        with contextlib.suppress(UserError):
            train = detection_leaves(cfg, 'train')
    known = [leaf for leaf in train if _is_known(leaf)]
    for of_split in leaves.values():
        for leaf in filter(_is_known, of_split):
            for trained in known:
                if same_file(leaf.annotation_path, trained.annotation_path):
                    said = f'{leaf.annotation_path} is'
                    _warn(leaf, trained.place, said)
                    break


def _warn(leaf, place, what):
    warn(
        f'{leaf.place}: {what} also in {place}, so the figures are those of '
        'images that the detector is trained on; set data_prefix and '
        'ann_file to others, or do not compare these figures'
    )


def _is_known(leaf) -> bool:
    return bool(
        leaf.dataset is not None
        and leaf.annotation_path
        and leaf.has_plain_boxes
        and not leaf.is_unlabelled
    )


class _Folders(dict):
    """The real place of each folder, looked up once."""

    def __missing__(self, folder: str) -> str:
        self[folder] = os.path.realpath(folder)
        return self[folder]


def _paths(leaf, files, folders) -> Iterator[str]:
    """Where the images that a data set hands out are."""
    file = files(leaf.annotation_path)
    rows = shown_rows(leaf, file)
    prefix = str(leaf.dataset.data_prefix.get('img') or '')
    for row in rows or ():
        folder, name = os.path.split(
            os.path.join(prefix, file.file_names[row])
        )
        yield os.path.join(folders[folder], name)
