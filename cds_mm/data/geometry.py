"""Operations that move or blank pixels, exactly alike on image and batch."""

from collections.abc import Sequence

import numpy as np
import torch
from mmpretrain.registry import TRANSFORMS
from torch import Tensor

from cds_mm.arguments import Count, Index, Share, checked
from cds_mm.data.batch_rows import change_rows
from cds_mm.data.draws import Draws
from cds_mm.data.operation import ImageOperation


# The second name of each class here is that of earlier versions, for batches
# alone; configs that these have dumped name it.
@TRANSFORMS.register_module(name=['HorizontalFlip', 'BatchFlip'])
class HorizontalFlip(ImageOperation):
    """Left for right, as MMCV's ``RandomFlip``.

    Args:
        prob (float): how often. Defaults to 0.5.
    """

    @checked
    def __init__(self, prob: Share = 0.5):
        self.prob = prob

    def on_image(self, image: np.ndarray, draws: Draws) -> np.ndarray:
        """Flip the image (H, W, C), or hand it on."""
        if not draws.happens(self.prob)[0]:
            return image
        return np.ascontiguousarray(image[:, ::-1])

    def on_batch(self, images: Tensor, draws: Draws) -> Tensor:
        """Flip some of the images (B, C, H, W) of any dtype."""
        rows = np.flatnonzero(draws.happens(self.prob))
        return change_rows(images, rows, _mirror)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'


@TRANSFORMS.register_module(name=['PaddedCrop', 'BatchCrop'])
class PaddedCrop(ImageOperation):
    """A window of the padded image, as MMPretrain's ``RandomCrop``.

    On a batch, all images have to be of one size.

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

    def on_image(self, image: np.ndarray, draws: Draws) -> np.ndarray:
        """Crop the image (H, W, 3) to (crop_size, crop_size, 3).

        Of a padded image that is smaller, all is left, as by MMPretrain's.
        """
        height, width = (
            min(self.crop_size, side + 2 * self.padding)
            for side in image.shape[:2]
        )
        window = np.empty((height, width, image.shape[2]), image.dtype)
        window[:] = self.fill
        inside, outside = [], []
        for size, length in zip(window.shape, image.shape[:2], strict=False):
            places = length + 2 * self.padding - size + 1
            start = int(draws.integers(places)[0]) - self.padding
            first, last = max(start, 0), min(start + size, length)
            outside.append(slice(first, max(last, first)))
            inside.append(slice(first - start, max(last, first) - start))
        window[tuple(inside)] = image[tuple(outside)]
        return window

    def on_batch(self, images: Tensor, draws: Draws) -> Tensor:
        """Crop images (B, 3, H, W) to (B, 3, crop_size, crop_size).

        Of padded images that are smaller, all is left.
        """
        windows = self._padded(images)
        for axis in (2, 3):
            size = min(self.crop_size, windows.shape[axis])
            windows = windows.unfold(axis, size, 1)
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


@TRANSFORMS.register_module(name=['ClippedCutout', 'BatchCutout'])
class ClippedCutout(ImageOperation):
    """Blank one square around a pixel, clipped at the borders.

    The centre c is uniform over the pixels and the box is [c - size / 2,
    c + size / 2) on each axis, cut off on both sides: at 32 pixels and size
    16 its mean side is 14.0.  MMCV's ``cutout`` moves the box inwards at the
    top and on the left instead and never shrinks it there (15.1).

    In the released code of CDS the hole is zero in [0, 1], before the
    normalisation: it is black, not the mean colour.

    Args:
        size (int): side of the square in pixels. Defaults to 16.
        fill (int): grey level of the hole. Defaults to 0.
    """

    @checked
    def __init__(self, size: Count = 16, fill: int = 0):
        self.size = size
        self.fill = fill

    def on_image(self, image: np.ndarray, draws: Draws) -> np.ndarray:
        """Blank a square of the image (H, W, C)."""
        image = image.copy()
        rows, columns = (
            slice(max(start, 0), max(start + self.size, 0))
            for start in (
                int(draws.integers(length)[0]) - self.size // 2
                for length in image.shape[:2]
            )
        )
        image[rows, columns] = self.fill
        return image

    def on_batch(self, images: Tensor, draws: Draws) -> Tensor:
        """Blank a square in each of the images (B, C, H, W), in place."""
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
