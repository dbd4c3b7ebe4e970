"""ResNets whose blocks normalise and activate before they convolve."""

from mmcv.cnn import build_norm_layer
from mmpretrain.models.backbones import ResNet
from mmpretrain.models.backbones.resnet import BasicBlock
from mmpretrain.registry import MODELS
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cds_mm.arguments import checked
from cds_mm.backbones.cifar_stem import CifarStem
from cds_mm.errors import UserError


class PreActBlock(BasicBlock):
    """Norm, ReLU, 3x3 convolution, twice; the sum stays as it is.

    From He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016.
    Where the shape changes, the shortcut is a 1x1 convolution, without a
    norm, of the activated input.

    Args:
        in_channels: C_in of the (N, C_in, H, W) input, a raw sum.
        out_channels: C_out of the (N, C_out, H/stride, W/stride) output,
            again a raw sum.
        downsample: as the host's ``ResLayer`` makes it, which ends it with a
            norm: that one is left out.
        **kwargs: as of the host's ``BasicBlock``.
    """

    def __init__(self, in_channels, out_channels, downsample=None, **kwargs):
        shortcut = downsample[:-1] if downsample is not None else None
        super().__init__(
            in_channels, out_channels, downsample=shortcut, **kwargs
        )
        # The host's first norm stands behind the first convolution.
        name, norm = build_norm_layer(self.norm_cfg, in_channels, postfix=1)
        self.add_module(name, norm)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        if self.with_cp and x.requires_grad:
            return checkpoint(self._sum, x, use_reentrant=False)
        return self._sum(x)

    def _sum(self, x):
        active = self.relu(self.norm1(x))
        identity = x if self.downsample is None else self.downsample(active)
        out = self.relu(self.norm2(self.conv1(active)))
        return self.drop_path(self.conv2(out)) + identity


@MODELS.register_module()
class PreActResNet(ResNet):
    """Pre-activation ResNet of basic blocks, depths 18 and 34.

    The stem is a convolution (and max-pool) alone, since the first block
    brings norm and ReLU.  Maps of the stages are raw sums, negative values
    included, but for the last one, behind which ``final_norm`` and a ReLU
    stand: what is pooled for the classifier has been activated.

    Args:
        depth: 18 or 34.
        zero_init_residual: must be False.  The norm that would be zeroed
            stands before a ReLU, which passes no gradient at 0.
        **kwargs: as of the host's ``ResNet``.

    Raises:
        UserError: ``zero_init_residual`` or ``deep_stem`` is asked for.
    """

    arch_settings = {
        18: (PreActBlock, (2, 2, 2, 2)),
        34: (PreActBlock, (3, 4, 6, 3)),
    }

    @checked
    def __init__(self, depth: int, zero_init_residual: bool = False, **kwargs):
        if zero_init_residual:
            raise UserError(
                f'{type(self).__name__}: zero_init_residual=True would zero '
                'a norm before a ReLU, where no gradient passes; set it to '
                'False'
            )
        super().__init__(depth, zero_init_residual=False, **kwargs)
        self.final_norm = build_norm_layer(self.norm_cfg, self.feat_dim)[1]
        self._freeze_stages()

    @property
    def raw_stages(self) -> tuple[str, ...]:
        """Names of the stages whose maps are raw sums: all but the last."""
        return tuple(f'stage{i}' for i in range(1, self.num_stages))

    def _make_stem_layer(self, in_channels, stem_channels):
        if self.deep_stem:
            raise UserError(
                f'{type(self).__name__}: deep_stem=True, but its stem is one '
                'convolution; leave deep_stem out'
            )
        super()._make_stem_layer(in_channels, stem_channels)
        # Not deleted: the host's forward pass and freezing ask for them.
        setattr(self, self.norm1_name, nn.Identity())
        self.relu = nn.Identity()

    def _freeze_stages(self):
        super()._freeze_stages()
        whole = self.frozen_stages >= self.num_stages
        # The host's constructor comes here before there is a final norm.
        if whole and hasattr(self, 'final_norm'):
            self.final_norm.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) to one (N, C, h, w) for each of ``out_indices``."""
        *maps, last = super().forward(x)
        if self.num_stages - 1 in self.out_indices:
            last = self.final_norm(last).relu()
        return (*maps, last)


@MODELS.register_module()
class PreActResNet_CIFAR(CifarStem, PreActResNet):
    """Pre-activation ResNet with the CIFAR stem.

    For (N, 3, 32, 32) the stages give 32, 16, 8 and 4 pixels a side.
    """
