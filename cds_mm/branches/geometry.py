"""What branches must know of a network, asked from the network itself."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cds_mm.branches.layout import give_channels_first
from cds_mm.errors import UserError
from cds_mm.modes import evaluation_mode

# Multiples of 32, so that strides come out whole.  The larger ones are for
# backbones that refuse a small image, or take images of one size.
PROBE_SIZES = (64, 224, 256, 384, 448, 512)


class StageSpec(NamedTuple):
    """What a branch has to know of one stage.

    Attributes:
        channels: width of the feature map.
        stride: input pixels per feature map cell, along one side.
        blocks: how many residual blocks it has, None where it has none.
        raw: whether its map is a sum that neither BatchNorm nor ReLU has
            seen, as in the middle of a pre-activation network.
    """

    channels: int
    stride: int
    blocks: int | None = None
    raw: bool = False


@dataclass(frozen=True)
class NetworkSpec:
    """What branches and supervisions have to know of the network.

    Attributes:
        stages: by name, in their order.
        num_classes: K of the main head, None where there is none.
        branches: width D of each branch's (V*B, D) output, by name; empty
            while the branches themselves are built.
        residual_stage: builds a stage of the backbone's own blocks from
            (in_channels, out_channels, blocks, stride); None where the
            backbone is not made of such stages.
        more_stages: what to set for more of them, in messages.
    """

    stages: dict[str, StageSpec]
    num_classes: int | None = None
    branches: dict[str, int] = field(default_factory=dict)
    residual_stage: Callable[[int, int, int, int], nn.Module] | None = None
    more_stages: str = "widen the backbone's out_indices"

    @property
    def last(self) -> StageSpec:
        """The last stage."""
        return list(self.stages.values())[-1]

    def after(self, tap: str) -> list[StageSpec]:
        """The stages between ``tap`` and the head, in their order."""
        names = list(self.stages)
        return [self.stages[n] for n in names[names.index(tap) + 1 :]]


def network_spec(
    backbone: nn.Module, num_classes: int | None = None
) -> NetworkSpec:
    """Ask a backbone; nobody has to type a width or a depth twice."""
    spec = NetworkSpec(
        stage_specs(backbone),
        num_classes,
        residual_stage=_residual_stages(backbone),
    )
    if _is_timm(backbone) and len(spec.stages) == 1:
        more = 'set model.backbone.features_only=True for one map per stage'
        return replace(spec, more_stages=more)
    return spec


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
    _check_order(backbone)
    maps = backbone(images)
    maps = list(maps) if isinstance(maps, (tuple, list)) else [maps]
    if not maps:
        raise UserError(
            f'{type(backbone).__name__}: out_indices='
            f'{backbone.out_indices} gives no map; count its stages from 0'
        )
    for output in maps:
        if not isinstance(output, Tensor) or output.dim() != 4:
            shape = getattr(output, 'shape', type(output).__name__)
            ways = 'features_only=True'
            if not _is_timm(backbone):
                ways = (
                    "out_type='featmap' (vision transformers) or "
                    'gap_before_final_norm=False (ConvNeXt)'
                )
            raise UserError(
                f'{type(backbone).__name__}: its output is {shape}, not an '
                f'(N, C, H, W) feature map; maps come with {ways}'
            )
    return dict(zip(stage_names(backbone, len(maps)), maps, strict=True))


def _check_order(backbone):
    # Backbones give their maps as they come, whatever the order of the
    # indices: each would have the name of another one.
    given = getattr(backbone, 'out_indices', None)
    if not isinstance(given, tuple | list):
        return
    wanted = sorted(set(given))
    if list(given) != wanted:
        raise UserError(
            f'{type(backbone).__name__}: out_indices={given} are not in the '
            'order of its stages, in which its maps come; write out_indices='
            f'{tuple(wanted)}'
        )


@torch.no_grad()
def stage_specs(backbone: nn.Module) -> dict[str, StageSpec]:
    """Measure each stage with one small forward pass in eval mode.

    Any backbone will do, also one whose maps are (N, H, W, C): from now on
    it gives (N, C, H, W).  BatchNorm statistics and the training flags of
    the modules are left as they were.

    Raises:
        UserError: its outputs are no maps, or their layout cannot be told.
    """
    with evaluation_mode(backbone):
        maps, size = _probe(backbone)
        probe = partial(_maps_of_size, backbone)
        maps = give_channels_first(backbone, maps, probe, size)
    depths = getattr(backbone, 'stage_blocks', ())
    blocks = {f'stage{i + 1}': depth for i, depth in enumerate(depths)}
    raw = getattr(backbone, 'raw_stages', ())
    return {
        name: StageSpec(
            channels=m.size(1),
            stride=max(1, round(size / m.size(-1))),
            blocks=blocks.get(name),
            raw=name in raw,
        )
        for name, m in maps.items()
    }


def _is_timm(backbone):
    return hasattr(backbone, 'timm_model')


def _residual_stages(backbone):
    # MMPretrain's ResNet and all that derive from it.
    if not hasattr(backbone, 'make_res_layer'):
        return None

    def build(in_channels, out_channels, blocks, stride):
        return backbone.make_res_layer(
            block=backbone.block,
            num_blocks=blocks,
            in_channels=in_channels,
            out_channels=out_channels,
            expansion=backbone.expansion,
            stride=stride,
            style=backbone.style,
            avg_down=backbone.avg_down,
            conv_cfg=backbone.conv_cfg,
            norm_cfg=backbone.norm_cfg,
        )

    return build


def _probe(backbone):
    for size in PROBE_SIZES:
        try:
            return _maps_of_size(backbone, size), size
        except UserError:
            raise
        except Exception:
            if size == PROBE_SIZES[-1]:
                raise
    raise AssertionError('unreachable')


def _maps_of_size(backbone, size):
    like = next(backbone.parameters())
    return stage_maps(backbone, like.new_zeros(1, 3, size, size))
