"""RegNets as networks of torchvision and timm."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from cds_mm.checkpoint.backbone_types import arguments_of
from cds_mm.checkpoint.exports.arguments import check_usual
from cds_mm.checkpoint.exports.plan import Plan, in_python, refusal, renamed
from cds_mm.checkpoint.exports.resnets import STAGES
from cds_mm.checkpoint.record import BackboneRecord

# MMPretrain's arch: torchvision's and timm's names.
_NAMED: dict[str, tuple[str | None, str]] = {
    'regnetx_400mf': ('regnet_x_400mf', 'regnetx_004'),
    'regnetx_800mf': ('regnet_x_800mf', 'regnetx_008'),
    'regnetx_1.6gf': ('regnet_x_1_6gf', 'regnetx_016'),
    'regnetx_3.2gf': ('regnet_x_3_2gf', 'regnetx_032'),
    'regnetx_4.0gf': (None, 'regnetx_040'),
    'regnetx_6.4gf': (None, 'regnetx_064'),
    'regnetx_8.0gf': ('regnet_x_8gf', 'regnetx_080'),
    'regnetx_12gf': (None, 'regnetx_120'),
}
# MMPretrain's argument: timm's.
_ARGUMENTS = {
    'depth': 'depth',
    'w0': 'w0',
    'wa': 'wa',
    'wm': 'wm',
    'group_w': 'group_size',
    'bot_mul': 'bottle_ratio',
}
_LETTERS = dict(zip('123', 'abc', strict=True))
_TORCHVISION = (
    (r'^conv1\.', 'stem.0.'),
    (r'^bn1\.', 'stem.1.'),
    (r'^layer(\d)\.(\d+)\.', r'trunk_output.block\1.block\1-\2.'),
    (r'\.downsample\.', '.proj.'),
    (r'\.conv([123])\.', lambda found: f'.f.{_LETTERS[found[1]]}.0.'),
    (r'\.bn([123])\.', lambda found: f'.f.{_LETTERS[found[1]]}.1.'),
)
_TIMM = (
    (r'^conv1\.', 'stem.conv.'),
    (r'^bn1\.', 'stem.bn.'),
    # Its blocks are counted from 1.
    (
        r'^layer(\d)\.(\d+)\.',
        lambda found: f's{found[1]}.b{int(found[2]) + 1}.',
    ),
    (r'\.downsample\.0\.', '.downsample.conv.'),
    (r'\.downsample\.1\.', '.downsample.bn.'),
    (r'^(s\d\.b\d+)\.conv([123])\.', r'\1.conv\2.conv.'),
    (r'^(s\d\.b\d+)\.bn([123])\.', r'\1.conv\2.bn.'),
)


def for_torchvision(record: BackboneRecord) -> Plan:
    """A RegNetX of torchvision."""
    _check(record.backbone, 'torchvision')
    block, name = _block(record.backbone)
    call = in_python(f'torchvision.models.{name}')
    if name is None:
        arguments = in_python('BlockParams', **block)
        call = f'torchvision.models.regnet.RegNet({arguments})'

    def build() -> nn.Module:
        import torchvision
        from torchvision.models.regnet import BlockParams, RegNet

        if name is None:
            network = RegNet(BlockParams(**block))
        else:
            network = getattr(torchvision.models, name)()
        network.fc = nn.Identity()
        return network

    stages = [
        (ours, f'trunk_output.block{number}')
        for number, ours in enumerate(STAGES, 1)
    ]
    return Plan('torchvision', call, build, renamed(_TORCHVISION), stages)


def for_timm(record: BackboneRecord) -> Plan:
    """A RegNetX of timm."""
    _check(record.backbone, 'timm')
    name, options = _which(record.backbone)

    def build() -> nn.Module:
        import timm

        return timm.create_model(name, num_classes=0, **options)

    return Plan(
        'timm',
        in_python('timm.create_model', name, num_classes=0, **options),
        build,
        renamed(_TIMM),
        [(ours, f's{number}') for number, ours in enumerate(STAGES, 1)],
        timm=(name, options),
    )


def _check(backbone: Mapping, target: str) -> None:
    check_usual(target, backbone, ('arch', 'style'))
    if arguments_of(backbone)['style'] != 'pytorch':
        raise refusal(
            target,
            backbone,
            'strides in the 3x3 convolution, the trained one in the 1x1 '
            "(style='caffe')",
        )


def _block(backbone: Mapping) -> tuple[dict[str, Any], str | None]:
    """Its stages, and its name where torchvision has one.

    The two round widths to whole groups in different ways, so that the same
    name is another network where they do.
    """
    from mmpretrain.models import RegNet
    from torchvision.models.regnet import BlockParams

    with torch.device('meta'):
        network = RegNet(arch=backbone['arch'])
    block = {
        'depths': [int(n) for n in network.stage_blocks],
        'widths': [int(n) for n in network.stage_widths],
        'group_widths': [int(n) for n in network.group_widths],
        'bottleneck_multipliers': list(network.bottleneck_ratio),
        'strides': [2, 2, 2, 2],
    }
    arch = backbone['arch']
    name = _NAMED[arch][0] if isinstance(arch, str) else None
    if name:
        facts = RegNet.arch_settings[arch]
        theirs = BlockParams.from_init_params(
            depth=facts['depth'],
            w_0=facts['w0'],
            w_a=facts['wa'],
            w_m=facts['wm'],
            group_width=facts['group_w'],
        )
        if [*theirs.widths] != block['widths']:
            name = None
    return block, name


def _which(backbone: Mapping) -> tuple[str, dict[str, Any]]:
    """Its name in timm, and the numbers that make it of another one."""
    arch = backbone['arch']
    if isinstance(arch, str):
        return _NAMED[arch][1], {}
    return 'regnetx_002', {_ARGUMENTS[key]: arch[key] for key in arch}
