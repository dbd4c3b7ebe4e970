"""What stands on a tower's pooled vector."""

from typing import Literal

from mmpretrain.registry import MODELS
from torch import Tensor, nn

from cds_mm.arguments import Count, Index, checked
from cds_mm.branches.geometry import NetworkSpec
from cds_mm.errors import UserError


@MODELS.register_module()
class ProjectionHead(nn.Module):
    """The pooled vector itself, or an MLP on it.

    The paper speaks of a non-linear projection; the released code has none
    beyond the tower, whose last ReLU and average pooling end it.  So the
    default is the vector as it is.

    Args:
        in_channels: D_in.
        network: not read.
        hidden: width of a hidden layer with ReLU, 0 for no MLP at all,
            'same' for D_in.
        out_channels: D_out of the MLP, 'same' for D_in.
    """

    @checked
    def __init__(
        self,
        in_channels: int,
        network: NetworkSpec | None = None,
        hidden: Index | Literal['same'] = 0,
        out_channels: Count | Literal['same'] = 128,
    ):
        super().__init__()
        inner, outer = (
            in_channels if width == 'same' else width
            for width in (hidden, out_channels)
        )
        self.out_channels = outer if inner else in_channels
        self.mlp: nn.Module = nn.Identity()
        if inner:
            self.mlp = nn.Sequential(
                nn.Linear(in_channels, inner),
                nn.ReLU(inplace=True),
                nn.Linear(inner, outer),
            )

    def forward(self, pooled: Tensor) -> Tensor:
        """(N, D_in) to (N, D_out), not normalised."""
        return self.mlp(pooled)


@MODELS.register_module()
class ClassHead(nn.Linear):
    """Class logits from a pooled vector (deep supervision).

    Args:
        in_channels: D.
        network: its main head gives the number of classes K.

    Raises:
        UserError: the network has no main head.
    """

    @checked
    def __init__(self, in_channels: int, network: NetworkSpec):
        if network.num_classes is None:
            raise UserError(
                'ClassHead: the model has no head that would say how many '
                'classes there are; add model.head, or use ProjectionHead'
            )
        super().__init__(in_channels, network.num_classes)
        self.out_channels = network.num_classes
