"""Colour operations on RGB images.

MMCV's colour operations take BGR, and its grayscale truncates where PIL
rounds; these are torchvision's, with the order of the channels stated.
"""

from typing import TypeAlias

import numpy as np
from mmpretrain.registry import TRANSFORMS
from PIL import Image
from torch import Tensor
from torchvision.transforms import ColorJitter
from torchvision.transforms import functional as F

from cds_mm.arguments import NonNegative, Share, checked
from cds_mm.data import colour_tensors
from cds_mm.data.batch_rows import change_rows
from cds_mm.data.draws import Draws
from cds_mm.data.operation import ImageOperation

# torchvision also takes the ends of a range.
_Strength: TypeAlias = NonNegative | tuple[float, ...]
# In torchvision's order, by the numbers of which it shuffles them.
NAMES = ('brightness', 'contrast', 'saturation', 'hue')


# The second names are those of earlier versions, as in geometry.py.
@TRANSFORMS.register_module(name=['RGBColorJitter', 'BatchColorJitter'])
class RGBColorJitter(ImageOperation):
    """torchvision's ColorJitter on RGB images, with a probability.

    The four operations come in random order.  A factor is uniform in
    [1 - x, 1 + x] for brightness, contrast and saturation, and the shift of
    the hue is uniform in [-x, x] turns.

    An image stays uint8, rounded after each operation as Pillow does; a batch
    becomes float32 and is not rounded.

    Args:
        brightness (float): x for the brightness. Defaults to 0.
        contrast (float): x for the contrast. Defaults to 0.
        saturation (float): x for the saturation. Defaults to 0.
        hue (float): x for the hue, at most 0.5. Defaults to 0.
        prob (float): how often anything is done at all. Defaults to 1.
    """

    @checked
    def __init__(
        self,
        brightness: _Strength = 0.0,
        contrast: _Strength = 0.0,
        saturation: _Strength = 0.0,
        hue: _Strength = 0.0,
        prob: Share = 1.0,
    ):
        jitter = ColorJitter(brightness, contrast, saturation, hue)
        self.ranges = {name: getattr(jitter, name) for name in NAMES}
        self.prob = prob

    def parameters(
        self, draws: Draws
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw what is done to each of B samples.

        Returns:
            tuple: whether anything is, (B,) bool; the numbers of the
            operations in their order, (B, 4) int64; the factor of each
            operation by its number, (B, 4) float64, 0 where it has no range.
        """
        happens = draws.happens(self.prob)
        order = draws.uniform(len(NAMES)).argsort(1)
        share = draws.uniform(len(NAMES))
        low, high = np.array(
            [span or (0.0, 0.0) for span in self.ranges.values()]
        ).T
        return happens, order, low + (high - low) * share

    def on_image(self, image: np.ndarray, draws: Draws) -> np.ndarray:
        """Change the colours of an image (H, W, 3), or hand it on."""
        (happens,), (order,), (factors,) = self.parameters(draws)
        if not happens:
            return image
        picture = Image.fromarray(image)
        for number in order:
            name = NAMES[number]
            if self.ranges[name]:
                adjust = getattr(F, f'adjust_{name}')
                picture = adjust(picture, float(factors[number]))
        return np.array(picture)

    def on_batch(self, images: Tensor, draws: Draws) -> Tensor:
        """Change the colours of some images (B, 3, H, W); float32 comes."""
        images = colour_tensors.as_float(images)
        happens, order, factors = self.parameters(draws)
        for place in range(len(NAMES)):
            for number, name in enumerate(NAMES):
                if not self.ranges[name]:
                    continue
                adjust = getattr(colour_tensors, f'adjust_{name}')
                rows = np.flatnonzero(happens & (order[:, place] == number))
                change_rows(images, rows, adjust, factors[rows, number])
        return images

    def __repr__(self) -> str:
        ranges = ', '.join(
            f'{name}=({span[0]:g}, {span[1]:g})'
            for name, span in self.ranges.items()
            if span
        )
        return f'{type(self).__name__}({ranges}, prob={self.prob})'


@TRANSFORMS.register_module(name=['RGBGrayscale', 'BatchGrayscale'])
class RGBGrayscale(ImageOperation):
    """The luma of an RGB image in all three channels, with a probability.

    The weights are 0.299, 0.587 and 0.114 for R, G and B, as in torchvision.
    An image is rounded as Pillow does; a batch becomes float32.

    Args:
        prob (float): how often. Defaults to 0.1.
    """

    @checked
    def __init__(self, prob: Share = 0.1):
        self.prob = prob

    def on_image(self, image: np.ndarray, draws: Draws) -> np.ndarray:
        """Take the colour from an image (H, W, 3), or hand it on."""
        if not draws.happens(self.prob)[0]:
            return image
        return np.array(F.to_grayscale(Image.fromarray(image), 3))

    def on_batch(self, images: Tensor, draws: Draws) -> Tensor:
        """Take the colour from some images (B, 3, H, W); float32 comes."""
        images = colour_tensors.as_float(images)
        rows = np.flatnonzero(draws.happens(self.prob))
        without = np.zeros(len(rows))
        adjust = colour_tensors.adjust_saturation
        return change_rows(images, rows, adjust, without)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'
