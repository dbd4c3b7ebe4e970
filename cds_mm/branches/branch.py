"""A branch: tap, tower, pooling, head."""

from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from cds_mm.branches.geometry import StageSpec
from cds_mm.errors import UserError


@MODELS.register_module()
class Branch(BaseModule):
    """From one stage's feature map to a vector.

    Convolutions start Kaiming-normal by fan-out, the depthwise ones too, as
    in the released code of CDS.

    Args:
        tap: name of the stage it reads.
        specs: all stages of the backbone, in their order.
        tower: config of the tower, which gets the tapped and the last stage.
        head: config of the head, which gets the tower's width.

    Raises:
        UserError: the backbone does not give the tapped stage.
    """

    def __init__(
        self,
        tap: str,
        specs: dict[str, StageSpec],
        tower: dict,
        head: dict | None = None,
    ):
        super().__init__(
            init_cfg=[
                dict(type='Kaiming', layer='Conv2d', mode='fan_out'),
                dict(type='Constant', layer='BatchNorm2d', val=1, bias=0),
            ]
        )
        if tap not in specs:
            raise UserError(
                f'branch on {tap}: the backbone gives {", ".join(specs)}; '
                "name one of these, or widen the backbone's out_indices"
            )
        self.tap = tap
        last = list(specs.values())[-1]
        self.tower = MODELS.build(dict(tower, tap=specs[tap], last=last))
        head = head or dict(type='ProjectionHead')
        self.head = MODELS.build(
            dict(head, in_channels=self.tower.out_channels)
        )
        self.out_channels = self.head.out_channels
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, stage_map: Tensor) -> Tensor:
        """(N, C, H, W) of the tapped stage to (N, D), not normalised."""
        return self.head(self.pool(self.tower(stage_map)).flatten(1))
