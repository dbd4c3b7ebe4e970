"""Where a folder of images without a class may be."""

import os

from mmengine import fileio

from cds_mm.errors import UserError

OTHER_FOLDER = "set unlabelled of the dataset to another, or to ''"


def check_place(folder: str, split: str, annotated: bool) -> None:
    """See that a folder is there, and apart from the labelled images.

    Args:
        folder: of images without a class.
        split: the folder of those that have one.
        annotated: whether labels come from a file; then an image is what the
            file says, wherever it is.

    Raises:
        UserError: there is no such folder, or one is part of the other.
    """
    if not fileio.isdir(folder):
        raise UserError(
            f'{folder}: no such folder of unlabelled images, which is looked '
            f'for in data_root; {OTHER_FOLDER}'
        )
    folders = [os.path.abspath(path) for path in (split, folder)]
    common = os.path.commonpath(folders)
    if common == folders[0] and not annotated:
        raise UserError(
            f'{folder}: is part of {split}, where its images would have a '
            'class too; move it out of there'
        )
    if common == folders[1] and not annotated:
        raise UserError(
            f'{folder}: contains {split}, whose images would come without a '
            f'class too; {OTHER_FOLDER}'
        )
