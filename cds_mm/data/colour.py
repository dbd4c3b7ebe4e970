"""Colour operations on RGB images.

MMCV's colour operations take BGR, and its grayscale truncates where PIL
rounds; these wrap torchvision's and OpenCV's, with the order of the channels
stated.
"""

import random
from typing import TypeAlias

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS
from PIL import Image
from torchvision.transforms import ColorJitter

from cds_mm.arguments import NonNegative, Share, checked

# torchvision also takes the ends of a range.
_Strength: TypeAlias = NonNegative | tuple[float, ...]


@TRANSFORMS.register_module()
class RGBColorJitter(BaseTransform):
    """torchvision's ColorJitter on an RGB array, with a probability.

    The four operations come in random order.  A factor is uniform in
    [1 - x, 1 + x] for brightness, contrast and saturation, and the shift of
    the hue is uniform in [-x, x] turns.

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
        self.jitter = ColorJitter(brightness, contrast, saturation, hue)
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Change ``img`` (H, W, 3), RGB uint8."""
        if random.random() < self.prob:
            image = self.jitter(Image.fromarray(results['img']))
            results['img'] = np.array(image)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.jitter}, prob={self.prob})'


@TRANSFORMS.register_module()
class RGBGrayscale(BaseTransform):
    """The luma of an RGB image in all three channels, with a probability.

    The weights are 0.299, 0.587 and 0.114 for R, G and B, as in torchvision.

    Args:
        prob (float): how often. Defaults to 0.1.
    """

    @checked
    def __init__(self, prob: Share = 0.1):
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Change ``img`` (H, W, 3), RGB uint8."""
        if random.random() < self.prob:
            luma = cv2.cvtColor(results['img'], cv2.COLOR_RGB2GRAY)
            results['img'] = cv2.merge([luma, luma, luma])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'
