"""Widths and strides of a backbone's stages, asked from the backbone."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from cds_mm.errors import UserError

# Powers of two, so that strides come out whole.  The larger one is for
# backbones that refuse a small image.
PROBE_SIZES = (64, 224)


class StageSpec(NamedTuple):
    """What a branch has to know of the stage that it taps.

    Attributes:
        channels: width of the feature map.
        stride: input pixels per feature map cell, along one side.
    """

    channels: int
    stride: int


def stage_names(backbone: nn.Module, num_maps: int) -> list[str]:
    """``stage1`` for out_indices 0 and so on, one for each map."""
    indices = getattr(backbone, 'out_indices', None)
    if indices is None or isinstance(indices, int):
        indices = range(num_maps)
    if len(indices) != num_maps or min(indices) < 0:
        indices = range(num_maps)
    return [f'stage{index + 1}' for index in indices]


def stage_maps(backbone: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """The backbone's feature maps by stage name.

    Args:
        backbone: any MMPretrain backbone whose ``out_indices`` give maps.
        images: (N, 3, H, W).

    Raises:
        UserError: an output is no (N, C, H, W) feature map.
    """
    maps = backbone(images)
    maps = list(maps) if isinstance(maps, (tuple, list)) else [maps]
    for output in maps:
        if not isinstance(output, Tensor) or output.dim() != 4:
            shape = getattr(output, 'shape', type(output).__name__)
            raise UserError(
                f'{type(backbone).__name__}: its output is {shape}, not an '
                '(N, C, H, W) feature map; maps come with '
                "out_type='featmap' (vision transformers) or "
                'gap_before_final_norm=False (ConvNeXt)'
            )
    return dict(zip(stage_names(backbone, len(maps)), maps, strict=True))


@torch.no_grad()
def stage_specs(backbone: nn.Module) -> dict[str, StageSpec]:
    """Measure each stage with one small forward pass in eval mode.

    Nobody has to type a width twice, and any backbone will do.  BatchNorm
    statistics and the training flags of the modules are left as they were.
    """
    was_training = [(m, m.training) for m in backbone.modules()]
    backbone.eval()
    try:
        maps, size = _probe(backbone)
    finally:
        for module, training in was_training:
            module.training = training
    return {
        name: StageSpec(m.size(1), max(1, round(size / m.size(-1))))
        for name, m in maps.items()
    }


def _probe(backbone):
    like = next(backbone.parameters())
    for size in PROBE_SIZES:
        try:
            return stage_maps(backbone, like.new_zeros(1, 3, size, size)), size
        except UserError:
            raise
        except Exception:
            if size == PROBE_SIZES[-1]:
                raise
    raise AssertionError('unreachable')
