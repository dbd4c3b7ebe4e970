"""SE-ResNets of basic blocks, and with the CIFAR stem."""

from mmpretrain.models.backbones import SEResNet
from mmpretrain.models.backbones.resnet import BasicBlock
from mmpretrain.models.utils import SELayer
from mmpretrain.registry import MODELS
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from cds_mm.backbones.cifar_stem import CifarStem


class SEBasicBlock(BasicBlock):
    """Two 3x3 convolutions and squeeze-and-excitation on what they add.

    The excitation stands after the second norm and before the addition (Hu
    et al., CVPR 2018); its squeezed width is rounded up to a multiple of 8,
    as in the host's bottleneck.

    Args:
        in_channels: C_in of the (N, C_in, H, W) input.
        out_channels: C_out of the (N, C_out, H/stride, W/stride) output.
        se_ratio: C_out over the squeezed width.
        **kwargs: as of the host's ``BasicBlock``.
    """

    def __init__(self, in_channels, out_channels, se_ratio=16, **kwargs):
        super().__init__(in_channels, out_channels, **kwargs)
        self.se_layer = SELayer(out_channels, ratio=se_ratio)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        if self.with_cp and x.requires_grad:
            out = checkpoint(self._sum, x, use_reentrant=False)
        else:
            out = self._sum(x)
        return self.relu(out)

    def _sum(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.se_layer(self.norm2(self.conv2(out)))
        return self.drop_path(out) + identity


@MODELS.register_module()
class SEResNetAnyDepth(SEResNet):
    """The host's ``SEResNet``, which starts at 50, with depths 18 and 34.

    The arguments and the names of the layers are the host's.
    """

    arch_settings = {
        18: (SEBasicBlock, (2, 2, 2, 2)),
        34: (SEBasicBlock, (3, 4, 6, 3)),
        **SEResNet.arch_settings,
    }


@MODELS.register_module()
class SEResNet_CIFAR(CifarStem, SEResNetAnyDepth):
    """SE-ResNet of any depth with the CIFAR stem.

    For (N, 3, 32, 32) the stages give 32, 16, 8 and 4 pixels a side.
    """
