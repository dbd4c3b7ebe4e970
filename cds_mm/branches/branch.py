"""A branch: tap, tower, pooling, head."""

from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from cds_mm.arguments import checked
from cds_mm.branches.geometry import NetworkSpec
from cds_mm.errors import UserError


@MODELS.register_module()
class Branch(BaseModule):
    """From one stage's feature map to a vector.

    Convolutions start Kaiming-normal by fan-out, the depthwise ones too, as
    in the released code of CDS.

    Args:
        tap: name of the stage it reads.
        network: what the tower and the head have to fit.
        tower: config of the tower, which gets ``tap`` and ``network``.
        head: config of the head, which gets the tower's width and
            ``network``.

    Raises:
        UserError: the backbone does not give the tapped stage.
    """

    @checked
    def __init__(
        self,
        tap: str,
        network: NetworkSpec,
        tower: dict,
        head: dict | None = None,
    ):
        super().__init__(
            init_cfg=[
                dict(type='Kaiming', layer='Conv2d', mode='fan_out'),
                dict(type='Constant', layer='BatchNorm2d', val=1, bias=0),
            ]
        )
        check_tap(tap, network)
        self.tap = tap
        self.tower = MODELS.build(dict(tower, tap=tap, network=network))
        head = head or dict(type='ProjectionHead')
        width = self.tower.out_channels
        self.head = MODELS.build(
            dict(head, in_channels=width, network=network)
        )
        self.out_channels = self.head.out_channels
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, stage_map: Tensor) -> Tensor:
        """(N, C, H, W) of the tapped stage to (N, D), not normalised."""
        return self.head(self.pool(self.tower(stage_map)).flatten(1))


def check_tap(tap: str, network: NetworkSpec) -> None:
    """See that a branch can read its stage.

    Raises:
        UserError: the backbone does not give it.
    """
    if tap not in network.stages:
        raise UserError(
            f'branch on {tap}: the backbone gives '
            f'{", ".join(network.stages)}; name one of these, or '
            f'{network.more_stages}'
        )
