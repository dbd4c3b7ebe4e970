"""ResNets and their relatives in torchvision, timm and Detectron2."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from cds_mm.checkpoint.backbone_types import arguments_of
from cds_mm.checkpoint.exports.arguments import check_usual
from cds_mm.checkpoint.exports.plan import refusal
from cds_mm.checkpoint.family import CIFAR
from cds_mm.checkpoint.record import BackboneRecord, function_of

LAYERS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
STAGES = [f'layer{number}' for number in (1, 2, 3, 4)]
_KNOWN = (
    'depth stem_channels base_channels expansion groups width_per_group '
    'deep_stem avg_down style'
).split()
PLANES = 64  # of torchvision's first stage
_SMALL = 34  # the deepest one with basic blocks
# Stem of CIFAR and of networks that never call their max-pool.
_CIFAR_STEM = 'conv1 is 3x3 with stride 1, no max-pool'


@dataclass
class ResNetFacts:
    """A ResNet in the terms that the libraries share.

    Attributes:
        depth: of ``LAYERS``.
        stem: channels of its output.
        planes: of the first stage, which has four times as many outputs in a
            network of bottlenecks.
        mid: channels of a bottleneck's 3x3 convolution in the first stage.
        groups: of that convolution.
        deep: the stem has three 3x3 convolutions.
        averaged: shortcuts average before they convolve.
        caffe: a bottleneck strides in its first convolution.
        se: squeeze and excitation.
        cifar: the stem is one 3x3 convolution of stride 1, without a pool.
        pooled: the stem has a max-pool.
    """

    depth: int
    stem: int
    planes: float
    mid: int
    groups: int
    deep: bool
    averaged: bool
    caffe: bool
    se: bool
    cifar: bool
    pooled: bool

    @property
    def small(self) -> bool:
        """Whether its blocks are basic ones."""
        return self.depth <= _SMALL

    @property
    def base_width(self) -> float:
        """Width of a group, for 64 planes."""
        return self.mid * PLANES / self.planes / self.groups


def facts_of(record: BackboneRecord, target: str) -> ResNetFacts:
    """What a recorded ResNet is.

    Args:
        record: of the backbone.
        target: one of ``TARGETS``.

    Raises:
        UserError: it has an argument that no library has.
    """
    cfg = record.backbone
    kind = function_of(cfg)['type']
    if 'PreAct' in kind:
        raise refusal(
            target,
            cfg,
            "has no ResNet with pre-activation blocks and a 'final_norm'",
            'choose --target mmdet',
        )
    check_usual(target, cfg, _KNOWN)
    given = arguments_of(cfg)
    small = given['depth'] <= _SMALL
    usual = 1 if small else 4
    expansion = given.get('expansion') or usual
    groups = given.get('groups', 1)
    width = given['base_channels'] * expansion // usual
    mid = given['base_channels']
    if groups > 1:
        mid = groups * given['width_per_group']
    deep = 'V1c' in kind or 'V1d' in kind or given['deep_stem']
    return ResNetFacts(
        depth=given['depth'],
        stem=given['stem_channels'],
        planes=width,
        mid=mid,
        groups=groups,
        deep=deep,
        averaged='V1d' in kind or given['avg_down'],
        caffe=given['style'] == 'caffe' and not small,
        se=kind.startswith('SE'),
        cifar=kind.endswith(CIFAR),
        pooled=not kind.endswith((CIFAR, 'NoMaxPool')),
    )


def adapt_stem(network: nn.Module, facts: ResNetFacts) -> nn.Module:
    """The stem of a ResNet of torchvision or timm, as it was trained."""
    if facts.cifar:
        network.conv1 = nn.Conv2d(3, facts.stem, 3, 1, 1, bias=False)
    if not facts.pooled:
        network.maxpool = nn.Identity()
    return network


def stem_settings(facts: ResNetFacts) -> list[str]:
    """What has to be changed by hand in a stem."""
    if facts.cifar:
        return [f'stem: {_CIFAR_STEM}']
    return [] if facts.pooled else ['stem: no max-pool']


def refuse_caffe(target: str, backbone: Mapping, facts: ResNetFacts) -> None:
    """Refuse bottlenecks that stride in their first convolution."""
    if facts.caffe:
        raise refusal(
            target,
            backbone,
            'strides in the 3x3 convolution, the trained one in the 1x1 '
            "(style='caffe')",
            'choose --target detectron2, onnx or mmdet',
        )
