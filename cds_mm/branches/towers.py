"""Towers: from a stage's feature map to one as wide as the last stage's."""

import math

from mmpretrain.registry import MODELS
from torch import Tensor, nn

from cds_mm.branches.geometry import StageSpec


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
    classifier reads.  A stage that is as small as the last but narrower (a
    dilated network) gets one block of stride 1.

    Args:
        tap: the tapped stage.
        last: the last stage.
    """

    def __init__(self, tap: StageSpec, last: StageSpec):
        steps = steps_between(tap, last)
        stride = 2
        if steps == 0 and tap.channels != last.channels:
            steps, stride = 1, 1
        widths = widths_between(tap, last, steps) if steps else [tap.channels]
        super().__init__(
            *(
                SepConvBlock(cin, cout, stride)
                for cin, cout in zip(widths, widths[1:], strict=False)
            )
        )
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
        tap: the tapped stage.
        last: not read.
    """

    def __init__(self, tap: StageSpec, last: StageSpec):
        super().__init__()
        self.out_channels = tap.channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to itself."""
        return x


def _depthwise(channels, stride):
    return nn.Conv2d(
        channels, channels, 3, stride, 1, groups=channels, bias=False
    )
