"""Operations on a batch on its device that move or blank pixels.

Each takes images (B, C, H, W), which it may change, and :class:`Draws`, and
returns images.  Its parameters, drawn for each sample by itself, have the
distribution of the transform that is named there.
"""

from collections.abc import Sequence

import numpy as np
import torch
from mmpretrain.registry import TRANSFORMS
from torch import Tensor

from cds_mm.arguments import Count, Index, Share, checked
from cds_mm.data.batch_rows import change_rows
from cds_mm.data.draws import Draws


@TRANSFORMS.register_module()
class BatchFlip:
    """Left for right, as MMCV's ``RandomFlip``, exactly.

    Args:
        prob (float): how often. Defaults to 0.5.
    """

    @checked
    def __init__(self, prob: Share = 0.5):
        self.prob = prob

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        """Flip some of the images (B, C, H, W) of any dtype."""
        rows = np.flatnonzero(draws.happens(self.prob))
        return change_rows(images, rows, _mirror)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'


@TRANSFORMS.register_module()
class BatchCrop:
    """A window of the padded image, as MMPretrain's ``RandomCrop``, exactly.

    Args:
        crop_size (int): side of the window in pixels.
        padding (int): pixels on each side. Defaults to 0.
        fill (tuple): RGB of the padding. Defaults to black.
    """

    @checked
    def __init__(
        self,
        crop_size: Count,
        padding: Index = 0,
        fill: Sequence[int] = (0, 0, 0),
    ):
        self.crop_size = crop_size
        self.padding = padding
        self.fill = tuple(fill)

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        """Crop images (B, 3, H, W) to (B, 3, crop_size, crop_size)."""
        windows = self._padded(images)
        for axis in (2, 3):
            windows = windows.unfold(axis, self.crop_size, 1)
        top, left = (
            torch.from_numpy(draws.integers(count)).to(images.device)
            for count in windows.shape[2:4]
        )
        sample = torch.arange(len(images), device=images.device)
        return windows[sample, :, top, left]

    def _padded(self, images):
        height, width = (side + 2 * self.padding for side in images.shape[2:])
        fill = torch.tensor(self.fill, dtype=images.dtype)[:, None, None]
        fill = fill.to(images.device).expand(-1, height, width)
        padded = fill.repeat(len(images), 1, 1, 1)
        inside = slice(self.padding, -self.padding or None)
        padded[:, :, inside, inside] = images
        return padded

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(crop_size={self.crop_size}, '
            f'padding={self.padding}, fill={self.fill})'
        )


@TRANSFORMS.register_module()
class BatchCutout:
    """One clipped square, as :class:`cds_mm.data.ClippedCutout`, exactly.

    Args:
        size (int): side of the square in pixels. Defaults to 16.
        fill (int): grey level of the hole. Defaults to 0.
    """

    @checked
    def __init__(self, size: Count = 16, fill: int = 0):
        self.size = size
        self.fill = fill

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        """Blank a square in each of the images (B, C, H, W)."""
        rows, columns = (
            self._span(length, draws, images.device)
            for length in images.shape[2:]
        )
        hole = rows[:, None, :, None] & columns[:, None, None, :]
        return images.masked_fill_(hole, self.fill)

    def _span(self, length, draws, device):
        starts = draws.integers(length) - self.size // 2
        starts = torch.from_numpy(starts).to(device)[:, None]
        place = torch.arange(length, device=device)
        return (place >= starts) & (place < starts + self.size)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size}, fill={self.fill})'


def _mirror(images):
    return images.copy_(images.flip(-1))
