"""AutoAugment on RGB images."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS
from PIL import Image
from torchvision.transforms import (
    AutoAugment,
    AutoAugmentPolicy,
    InterpolationMode,
)

from cds_mm.arguments import checked


@TRANSFORMS.register_module()
class RGBAutoAugment(BaseTransform):
    """A learned policy of pairs of operations (Cubuk et al., CVPR 2019).

    torchvision's, on an RGB array.  MMPretrain's own class takes BGR, has the
    ImageNet policy alone, and builds its operations without the ``hparams``
    that it is given, so that padding and interpolation cannot be set there.

    Args:
        policy (str): 'imagenet', 'cifar10' or 'svhn'. Defaults to 'imagenet'.
        interpolation (str): of rotations and shears. Defaults to 'bilinear'.
        fill (tuple): RGB of what comes in from outside. Defaults to grey, as
            in the policy's own code.
    """

    @checked
    def __init__(
        self,
        policy: str = 'imagenet',
        interpolation: str = 'bilinear',
        fill: Sequence[int] = (128, 128, 128),
    ):
        self.augment = AutoAugment(
            AutoAugmentPolicy(policy),
            InterpolationMode(interpolation),
            list(fill),
        )

    def transform(self, results: dict) -> dict:
        """Change ``img`` (H, W, 3), RGB uint8."""
        image = self.augment(Image.fromarray(results['img']))
        results['img'] = np.array(image)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.augment})'
