"""Towers: from a stage's feature map to one as wide as the last stage's."""

import math

from mmpretrain.registry import MODELS
from torch import Tensor, nn

from cds_mm.arguments import Count, checked
from cds_mm.branches.geometry import NetworkSpec, StageSpec
from cds_mm.errors import UserError


def steps_between(tap: StageSpec, last: StageSpec) -> int:
    """How many halvings lie between two stages (0 for the same stride)."""
    return max(0, round(math.log2(last.stride / tap.stride)))


def widths_between(tap: StageSpec, last: StageSpec, steps: int) -> list[int]:
    """Geometric widths, e.g. 64, 128, 256, 512 for a ResNet's first tap."""
    ratio = last.channels / tap.channels
    inner = [round(tap.channels * ratio ** (s / steps)) for s in range(steps)]
    return [*inner, last.channels]


@MODELS.register_module()
class SepConvTower(nn.Sequential):
    """Strided depthwise-separable blocks down to the last stage's size.

    One block for each halving between the tapped and the last stage, so a
    tap on the last stage has none and passes the map through: in the
    released code of CDS the deepest contrast is on the very vector that the
    classifier reads.  An earlier stage that is as small as the last (of a
    dilated network, a vision transformer) gets one block of stride 1, also
    where both are equally wide: without it the branch would be a pooled map
    with nothing to learn.  The released code, which has ResNets alone, has
    no such case.

    Args:
        tap: name of the tapped stage.
        network: the stages, of which the last gives size and width.
    """

    @checked
    def __init__(self, tap: str, network: NetworkSpec):
        tapped, last = network.stages[tap], network.last
        steps = steps_between(tapped, last)
        stride = 2
        if steps == 0 and network.after(tap):
            steps, stride = 1, 1
        widths = [tapped.channels]
        if steps:
            widths = widths_between(tapped, last, steps)
        blocks = [
            SepConvBlock(cin, cout, stride)
            for cin, cout in zip(widths, widths[1:], strict=False)
        ]
        super().__init__(*_activation(tapped), *blocks)
        self.out_channels = widths[-1]


class SepConvBlock(nn.Sequential):
    """Two depthwise-separable 3x3 convolutions, the first one strided.

    Depthwise, pointwise, BN, ReLU, twice, with nothing between a depthwise
    convolution and its pointwise one (released code of CDS; the poster draws
    the block without detail).  cin^2 + cin*cout + 20*cin + 2*cout parameters.
    The layers are numbered as in the released code, whose keys are
    ``op.0`` to ``op.6`` (3 and 7 being ReLU).

    Args:
        cin: width of the (N, cin, H, W) input.
        cout: width of the (N, cout, H/stride, W/stride) output.
        stride: of the first convolution.
    """

    def __init__(self, cin: int, cout: int, stride: int = 2):
        super().__init__(
            _depthwise(cin, stride),
            nn.Conv2d(cin, cin, 1, bias=False),
            nn.BatchNorm2d(cin),
            nn.ReLU(inplace=True),
            _depthwise(cin, 1),
            nn.Conv2d(cin, cout, 1, bias=False),
            nn.BatchNorm2d(cout),
            nn.ReLU(inplace=True),
        )


@MODELS.register_module()
class IdentityTower(nn.Module):
    """No tower: the branch reads the stage's own map.

    Args:
        tap: name of the tapped stage.
        network: the stages.
    """

    @checked
    def __init__(self, tap: str, network: NetworkSpec):
        super().__init__()
        self.out_channels = network.stages[tap].channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to itself."""
        return x


@MODELS.register_module()
class ResidualTower(nn.Sequential):
    """The stages that the tapped one would still go through, once more.

    The branches of DKS and DHM: residual stages of the backbone's own block,
    each of which strides as the main one does.  With 'half' and 2 blocks on
    stage 2, and 'all' on stage 3 at twice the width, they are those of DHM's
    released ResNets for ImageNet.  DKS has released those of a WRN-28-10 for
    CIFAR, which stride and widen alike and have other depths: 4 and 2 blocks
    where this rule gives 2 and 2.

    Args:
        tap: name of the tapped stage.
        network: the stages, and how one is built.
        blocks: how many blocks each stage gets: a number, 'half' of what the
            main stage has, rounded up, or 'all'.
        width_mult: factor on all widths of the branch.

    Raises:
        UserError: the backbone is not made of residual stages, or ``blocks``
            are not as many as the stages after the tap.
    """

    @checked
    def __init__(
        self,
        tap: str,
        network: NetworkSpec,
        blocks: tuple[int | str, ...],
        width_mult: Count = 1,
    ):
        stages = network.after(tap)
        if network.residual_stage is None:
            raise UserError(
                f'ResidualTower on {tap}: this backbone is not made of '
                'residual stages; set tower=dict(_delete_=True, type='
                "'SepConvTower') in each of model.branches"
            )
        if len(blocks) != len(stages):
            raise UserError(
                f'ResidualTower on {tap}: {len(stages)} stages come after '
                f'it, but blocks={tuple(blocks)}; give one number for each'
            )
        before = network.stages[tap]
        width, layers = before.channels, []
        for count, stage in zip(blocks, stages, strict=True):
            wider = stage.channels * width_mult
            depth = _block_count(count, stage)
            stride = stage.stride // before.stride
            layers.append(network.residual_stage(width, wider, depth, stride))
            before, width = stage, wider
        # The blocks of a pre-activation network end with a raw sum.
        super().__init__(*layers, *_activation(network.stages[tap], width))
        self.out_channels = width


def _block_count(rule, stage):
    if isinstance(rule, int):
        return rule
    if rule not in ('half', 'all') or stage.blocks is None:
        raise UserError(
            f'ResidualTower: blocks={rule!r} is no number of blocks for a '
            f"stage that has {stage.blocks or 'none'}; give a number, 'half' "
            "or 'all'"
        )
    return stage.blocks if rule == 'all' else -(-stage.blocks // 2)


def _activation(
    tap: StageSpec, channels: int | None = None
) -> list[nn.Module]:
    """BatchNorm and ReLU, which a map that is a raw sum still lacks."""
    if not tap.raw:
        return []
    return [
        nn.Sequential(
            nn.BatchNorm2d(channels or tap.channels), nn.ReLU(inplace=True)
        )
    ]


def _depthwise(channels, stride):
    return nn.Conv2d(
        channels, channels, 3, stride, 1, groups=channels, bias=False
    )
