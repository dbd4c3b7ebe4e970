"""MMDetection's image loader with a choice for files that are no images."""

from typing import Literal

import cds_mm.hosts  # noqa: F401

from mmcv.transforms import LoadImageFromFile

from cds_mm.arguments import checked
from cds_mm.data.skips import SkipCount
from cds_mm.errors import UserError, first_line
from cds_mm.registry import TRANSFORMS

__all__ = ['LoadBGRImage']


@TRANSFORMS.register_module()
class LoadBGRImage(LoadImageFromFile):
    """``LoadImageFromFile`` that can skip and count what it cannot read.

    The pixels are the host's.  For detection, what ``LoadRGBImage`` is for
    classification: ``type='cds_mm.LoadBGRImage', on_error='skip'``.

    Args:
        on_error (str): what to do with a file that is missing or no whole
            image. 'raise' names it in a UserError. 'skip' counts it, and the
            dataset draws another sample; only in training, since a test
            takes every image. Defaults to 'raise'.
        **kwargs: as in :class:`mmcv.transforms.LoadImageFromFile`.
    """

    @checked
    def __init__(self, on_error: Literal['raise', 'skip'] = 'raise', **kwargs):
        super().__init__(**kwargs)
        self.on_error = on_error
        self.skips = SkipCount() if on_error == 'skip' else None

    def skipped_count(self) -> int:
        """Files skipped so far, by this process and all of its workers."""
        return 0 if self.skips is None else self.skips.total()

    def transform(self, results: dict) -> dict | None:
        """Add ``img``, ``img_shape`` and ``ori_shape`` (H, W).

        Raises:
            UserError: the file is missing or no whole image, under 'raise'.
        """
        try:
            loaded = super().transform(results)
        # The host asserts; OpenCV, Pillow and file backends raise their own.
        except Exception as error:
            if self.skips is None:
                raise UserError(
                    f'{results["img_path"]}: cannot be read '
                    f'({first_line(error)}); replace or remove the file, or '
                    "set on_error='skip' in LoadBGRImage"
                ) from error
            loaded = None
        if loaded is None and self.skips is not None:
            self.skips.add()
        return loaded
