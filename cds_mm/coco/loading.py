"""MMDetection's image loader with a choice for files that are no images."""

from typing import Literal

import cds_mm.hosts  # noqa: F401

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio

from cds_mm.arguments import Positive, checked
from cds_mm.data.deep_images import deep_values, scaled
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
        white (float, optional): the value of 16- and 32-bit samples that
            becomes 255, e.g. 4095 for 12 bits. Without it the host takes the
            high byte of 16. Defaults to None.
        **kwargs: as in :class:`mmcv.transforms.LoadImageFromFile`.
    """

    @checked
    def __init__(
        self,
        on_error: Literal['raise', 'skip'] = 'raise',
        white: Positive | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.on_error = on_error
        self.white = white
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
            loaded = self._scaled(results) or super().transform(results)
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

    def _scaled(self, results: dict) -> dict | None:
        """The image of more than 8 bits, scaled; None for others."""
        if self.white is None:
            return None
        data = fileio.get(results['img_path'], self.backend_args)
        values = deep_values(data)
        if values is None:
            return None
        image = np.ascontiguousarray(scaled(values, self.white)[..., ::-1])
        if self.to_float32:
            image = image.astype(np.float32)
        size = image.shape[:2]
        results.update(img=image, img_shape=size, ori_shape=size)
        return results
