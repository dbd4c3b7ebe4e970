"""ResNets as the released code of CDS has them."""

from mmpretrain.models.backbones import ResNet
from mmpretrain.registry import MODELS
from torch import nn


@MODELS.register_module()
class ResNetNoMaxPool(ResNet):
    """The ImageNet network of the released code, which never max-pools.

    That code defines the max-pool of the stem and does not call it, so its
    first stage runs at 112 x 112 for a 224 x 224 image and costs four times
    as much (R50: 16.0 GMAC instead of 4.09).  Keys and shapes are those of
    the standard network, the function is another one: no detector expects
    it.  This is the 'as released' arm; everything else here has the
    standard stem.
    """

    def _make_stem_layer(self, in_channels, base_channels):
        super()._make_stem_layer(in_channels, base_channels)
        self.maxpool = nn.Identity()
