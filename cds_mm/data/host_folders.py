"""What MMPretrain's own readers of folders leave out without a word."""

import os

from mmengine.dist import is_main_process
from mmpretrain.datasets import CustomDataset

from cds_mm.data.class_folder import ClassFolder
from cds_mm.data.image_files import ImageFiles
from cds_mm.data.labels import leaf_datasets


def report_left_out(dataset) -> None:
    """Count the files that ``CustomDataset`` and ``ImageNet`` leave out.

    In the words of :class:`ClassFolder`, which counts them when it lists its
    files.  Takes a pass over the folders (seconds for ImageNet).

    Args:
        dataset: a built one, wrapped or not.
    """
    if not is_main_process():
        return
    for leaf in leaf_datasets(dataset):
        if not isinstance(leaf, CustomDataset) or isinstance(
            leaf, ClassFolder
        ):
            continue
        # A list of files is a choice, and a server is slow to list.
        if leaf.ann_file or '://' in leaf.img_prefix:
            continue
        files = ImageFiles(leaf.img_prefix, leaf.extensions)
        found = list(files)
        loose = sum(os.sep not in path for path in found)
        loose = loose if leaf.with_label else 0
        files.report(len(found) - loose, loose)
