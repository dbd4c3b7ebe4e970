"""The stem for images of 32 pixels, on any network built like a ResNet."""

from mmcv.cnn import build_conv_layer
from mmpretrain.models.backbones import ResNeXt
from mmpretrain.registry import MODELS
from torch import nn

from cds_mm.errors import UserError


class CifarStem:
    """Mixin in front of a ResNet: 3x3 convolution, stride 1, no max-pool.

    As MMPretrain's ``ResNet_CIFAR``, for the networks that it lacks.  Names
    stay those of the ImageNet stem, and only ``conv1.weight`` has another
    shape: (stem_channels, in_channels, 3, 3).

    Raises:
        UserError: ``deep_stem`` is asked for.
    """

    conv_cfg: dict | None
    deep_stem: bool

    def _make_stem_layer(self, in_channels, stem_channels):
        if self.deep_stem:
            raise UserError(
                f'{type(self).__name__}: deep_stem=True, but its stem is one '
                '3x3 convolution; leave deep_stem out, or take the type '
                'without _CIFAR'
            )
        # Of the ResNet that it stands in front of.
        super()._make_stem_layer(in_channels, stem_channels)  # type: ignore[misc]
        self.conv1 = build_conv_layer(
            self.conv_cfg,
            in_channels,
            stem_channels,
            kernel_size=3,
            padding=1,
            bias=False,
        )
        self.maxpool = nn.Identity()


@MODELS.register_module()
class ResNeXt_CIFAR(CifarStem, ResNeXt):
    """ResNeXt (Xie et al., CVPR 2017) with the CIFAR stem.

    For (N, 3, 32, 32) the stages give 32, 16, 8 and 4 pixels a side.
    """
