"""Cutout as in the released CDS code."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS

from cds_mm.arguments import Count, checked


@TRANSFORMS.register_module()
class ClippedCutout(BaseTransform):
    """Blank one square around a pixel, clipped at the borders.

    The centre c is uniform over the pixels and the box is [c - size / 2,
    c + size / 2) on each axis, cut off on both sides: at 32 pixels and size
    16 its mean side is 14.0.  MMCV's ``cutout`` moves the box inwards at the
    top and on the left instead and never shrinks it there (15.1).

    In the released code the hole is zero in [0, 1], before the normalisation:
    it is black, not the mean colour.

    Args:
        size (int): side of the square in pixels. Defaults to 16.
        fill (int): grey level of the hole. Defaults to 0.
    """

    @checked
    def __init__(self, size: Count = 16, fill: int = 0):
        self.size = size
        self.fill = fill

    def transform(self, results: dict) -> dict:
        """Change ``img`` (H, W, C) uint8."""
        image = results['img'].copy()
        rows, columns = (self._span(length) for length in image.shape[:2])
        image[rows, columns] = self.fill
        results['img'] = image
        return results

    def _span(self, length: int) -> slice:
        start = np.random.randint(length) - self.size // 2
        return slice(max(start, 0), min(start + self.size, length))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size}, fill={self.fill})'
