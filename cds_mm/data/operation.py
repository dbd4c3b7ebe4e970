"""What a random operation on images has to offer."""

from abc import abstractmethod

import numpy as np
from mmcv.transforms import BaseTransform
from torch import Tensor

from cds_mm.data.draws import Draws
from cds_mm.data.seeding import current_draws


class ImageOperation(BaseTransform):
    """A random operation for the loader and for the device.

    In a pipeline it changes one image; in ``data_preprocessor.views`` it
    changes a batch.  Both draw the same numbers from a sample's key, however
    many samples there are, so that an operation that moves from one to the
    other does the same to each image.

    Numbers have to be drawn in the same order and count for every image,
    also for one that is then left alone.
    """

    def transform(self, results: dict) -> dict:
        """Change ``img`` (H, W, C) uint8 and ``img_shape``."""
        results['img'] = self.on_image(results['img'], current_draws())
        results['img_shape'] = results['img'].shape[:2]
        return results

    @abstractmethod
    def on_image(self, image: np.ndarray, draws: Draws) -> np.ndarray:
        """Return the image (H, W, C) uint8 changed; the given one stays.

        Args:
            image: in RGB where it has colours.
            draws: of one sample.
        """

    @abstractmethod
    def on_batch(self, images: Tensor, draws: Draws) -> Tensor:
        """Return the images (B, C, H, W) changed, perhaps in place.

        Args:
            images: values of [0, 255], uint8 or float32.
            draws: of the B samples.
        """
