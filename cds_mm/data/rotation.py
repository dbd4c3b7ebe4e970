"""Rotation by right angles."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS

from cds_mm.arguments import checked


@TRANSFORMS.register_module()
class RightAngleRotation(BaseTransform):
    """Turn an image counterclockwise by quarters of a full turn, exactly.

    Unlike MMPretrain's ``Rotate`` it moves pixels and interpolates nothing.

    Args:
        quarters (int): how many quarters, 0 to 3.
    """

    @checked
    def __init__(self, quarters: int):
        self.quarters = quarters

    def transform(self, results: dict) -> dict:
        """Turn ``img`` (H, W, C); its sides may change places."""
        turned = np.ascontiguousarray(np.rot90(results['img'], self.quarters))
        results['img'] = turned
        results['img_shape'] = turned.shape[:2]
        return results

    def __repr__(self):
        return f'{type(self).__name__}(quarters={self.quarters})'
