"""Warn of images that are both trained on and evaluated."""

import contextlib
import os
from collections.abc import Callable, Iterator

from mmengine.config import Config

from cds_mm.coco.annotations import Annotations
from cds_mm.coco.leaf import Leaf, detection_leaves
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
    folders = _Folders()
    train: list[Leaf] | None = leaves.get('train')
    if train is None:
        train = _of_the_same_folder(cfg, leaves, folders)
    trained: dict[str, str] = {}
    for leaf in filter(_is_known, train):
        # A test does not need the file of the training.
        with contextlib.ExitStack() as stack:
            if 'train' not in leaves:
                stack.enter_context(contextlib.suppress(UserError))
            for path in _paths(leaf, files, folders):
                trained[path] = leaf.place
    others = [split for split in leaves if split != 'train' and trained]
    for leaf in (leaf for split in others for leaf in leaves[split]):
        paths = [*_paths(leaf, files, folders)] if _is_known(leaf) else []
        shared = [path for path in paths if path in trained]
        if shared:
            warn(
                f'{leaf.place}: {len(shared):,} of {len(paths):,} images '
                f'(the first is {shared[0]}) are also in '
                f'{trained[shared[0]]}, so the figures are those of images '
                'that the detector is trained on; set data_prefix and '
                'ann_file to others, or do not compare these figures'
            )


def _of_the_same_folder(cfg, leaves, folders) -> list[Leaf]:
    """Data sets of the training whose files a test reads for this alone."""
    found: list[Leaf] = []
    if cfg.get('train_dataloader'):
        with contextlib.suppress(UserError):
            found = detection_leaves(cfg, 'train')
    used = {
        folders[_prefix(leaf)]
        for of_split in leaves.values()
        for leaf in filter(_is_known, of_split)
    }
    return [
        leaf
        for leaf in filter(_is_known, found)
        if folders[_prefix(leaf)] in used
    ]


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
    prefix = _prefix(leaf)
    for row in rows or ():
        folder, name = os.path.split(
            os.path.join(prefix, file.file_names[row])
        )
        yield os.path.join(folders[folder], name)


def _prefix(leaf) -> str:
    return str(leaf.dataset.data_prefix.get('img') or '')
