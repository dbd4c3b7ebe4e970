"""From arrays to a batch, without moving a byte twice."""

import numpy as np
import torch
from mmengine.dataset import default_collate
from mmengine.registry import FUNCTIONS
from mmpretrain.datasets import PackInputs
from mmpretrain.registry import TRANSFORMS
from torch import Tensor

from cds_mm.arguments import checked


@TRANSFORMS.register_module()
class PackChannelsLast(PackInputs):
    """MMPretrain's PackInputs, whose tensors stay as the arrays lie.

    An image is (3, H, W) uint8 with the channels last in memory, as decoders
    give it; the parent moves each byte.
    """

    @staticmethod
    def format_input(input_: np.ndarray | list) -> Tensor | list:
        """Tensors (C, H, W) of arrays (H, W, C), or a list of such."""
        if isinstance(input_, list):
            return [PackChannelsLast.format_input(item) for item in input_]
        if isinstance(input_, np.ndarray) and input_.ndim == 3:
            array = np.ascontiguousarray(input_)
            return torch.from_numpy(array).permute(2, 0, 1)
        return PackInputs.format_input(input_)


@FUNCTIONS.register_module()
@checked
def collate_views(samples: list[dict]) -> dict:
    """MMEngine's ``default_collate``, which keeps the channels last.

    Args:
        samples: B samples, whose ``inputs`` is a tensor (C, H, W) or a list
            of them.

    Returns:
        dict: ``inputs`` (B, C, H, W) or a list of V such; the rest as the
        host stacks it.
    """
    # In the order of the samples' keys, which some of the host's rely on.
    return {
        key: _inputs([sample[key] for sample in samples])
        if key == 'inputs'
        else default_collate([sample[key] for sample in samples])
        for key in samples[0]
    }


def _inputs(inputs):
    if isinstance(inputs[0], list):
        return [_stacked(view) for view in zip(*inputs, strict=True)]
    return _stacked(inputs)


def _stacked(images) -> Tensor:
    # Stacked as they lie, a copy of whole blocks of memory.
    rows = torch.stack([image.permute(1, 2, 0) for image in images])
    return rows.permute(0, 3, 1, 2)
