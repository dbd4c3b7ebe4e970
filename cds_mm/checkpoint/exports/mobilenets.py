"""MobileNetV2 and EfficientNet as networks of torchvision and timm."""

import re

from torch import nn

from cds_mm.checkpoint.backbone_types import arguments_of
from cds_mm.checkpoint.exports.arguments import check_usual
from cds_mm.checkpoint.exports.plan import (
    ELSEWHERE,
    Plan,
    State,
    in_python,
    refusal,
    renamed,
)
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.errors import UserError

# Blocks of each stage; torchvision counts them through.
_BLOCKS = (1, 2, 3, 4, 3, 3, 1)
_FIRST = [1 + sum(_BLOCKS[:number]) for number in range(len(_BLOCKS))]
_LAST = sum(_BLOCKS) + 1
_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.4)  # of timm
_STAGES = [f'layer{number}' for number in range(1, len(_BLOCKS) + 1)]


def mobilenet_for_torchvision(record: BackboneRecord) -> Plan:
    """A MobileNetV2 of torchvision."""
    check_usual('torchvision', record.backbone, ('widen_factor',))
    width = arguments_of(record.backbone)['widen_factor']
    options = {} if width == 1 else {'width_mult': width}

    def build() -> nn.Module:
        import torchvision

        network = torchvision.models.mobilenet_v2(**options)
        network.classifier = nn.Identity()
        return network

    ends = [f'features.{first - 1}' for first in [*_FIRST[1:], _LAST]]
    stages = list(zip(_STAGES, ends, strict=True))
    return Plan(
        'torchvision',
        in_python('torchvision.models.mobilenet_v2', **options),
        build,
        renamed(
            (
                (r'^conv1\.conv\.', 'features.0.0.'),
                (r'^conv1\.bn\.', 'features.0.1.'),
                (r'^conv2\.conv\.', f'features.{_LAST}.0.'),
                (r'^conv2\.bn\.', f'features.{_LAST}.1.'),
                (r'^layer(\d)\.(\d)\.conv\.(\d)\.(conv|bn)\.', _torchvision),
            )
        ),
        [*stages, ('conv2', f'features.{_LAST}')],
    )


def _torchvision(found: re.Match) -> str:
    stage, block, layer = (int(found[place]) for place in (1, 2, 3))
    start = f'features.{_FIRST[stage - 1] + block}.conv.{layer}'
    is_norm = found[4] == 'bn'
    if layer < _last_layer(stage):
        return f'{start}.{int(is_norm)}.'
    # The last convolution has no activation, and so no group of its own.
    place = layer + int(is_norm)
    return f'features.{_FIRST[stage - 1] + block}.conv.{place}.'


def _last_layer(stage: int) -> int:
    return 1 if stage == 1 else 2  # the first stage does not expand


def mobilenet_for_timm(record: BackboneRecord) -> Plan:
    """A MobileNetV2 of timm."""
    check_usual('timm', record.backbone, ('widen_factor',))
    width = arguments_of(record.backbone)['widen_factor']
    if width not in _WIDTHS:
        raise refusal(
            'timm',
            record.backbone,
            f'has the widths {", ".join(map(str, _WIDTHS))}, the trained one '
            f'has widen_factor={width}',
        )
    name = f'mobilenetv2_{round(100 * width):03d}'
    stages = [(ours, f'blocks.{n}') for n, ours in enumerate(_STAGES)]
    return Plan(
        'timm',
        in_python('timm.create_model', name, num_classes=0),
        _timm(name),
        renamed(
            (
                (r'^conv1\.conv\.', 'conv_stem.'),
                (r'^conv1\.bn\.', 'bn1.'),
                (r'^conv2\.conv\.', 'conv_head.'),
                (r'^conv2\.bn\.', 'bn2.'),
                (r'^layer(\d)\.(\d)\.conv\.(\d)\.(conv|bn)\.', _of_timm),
            )
        ),
        [*stages, ('conv2', 'bn2')],
        timm=(name, {}),
    )


def _of_timm(found: re.Match) -> str:
    stage, layer = int(found[1]), int(found[3])
    kinds = ('dw', 'pw') if stage == 1 else ('pw', 'dw', 'pwl')
    part = f'bn{layer + 1}' if found[4] == 'bn' else f'conv_{kinds[layer]}'
    return f'blocks.{stage - 1}.{found[2]}.{part}.'


def _timm(name: str):
    def build() -> nn.Module:
        import timm

        return timm.create_model(name, num_classes=0)

    return build


# MMPretrain counts stages by their stride: the last of timm's in each.
_EFFICIENT_STAGES = [
    ('layers.1', 'blocks.0'),
    ('layers.2', 'blocks.1'),
    ('layers.3', 'blocks.2'),
    ('layers.4', 'blocks.4'),
    ('layers.5', 'blocks.6'),
    ('layers.6', 'bn2'),
]


def efficientnet_for_timm(record: BackboneRecord) -> Plan:
    """An EfficientNet that pads as TensorFlow does."""
    cfg = record.backbone
    check_usual('timm', cfg, ('arch',), eps=1e-3)
    arch = str(arguments_of(cfg)['arch'])
    if not re.fullmatch('b[0-7]', arch):
        raise refusal('timm', cfg, f'no map of the names of {arch} is known')
    name = f'tf_efficientnet_{arch}'
    return Plan(
        'timm',
        in_python('timm.create_model', name, num_classes=0),
        _timm(name),
        _in_order,
        _EFFICIENT_STAGES,
        timm=(name, {}),
    )


def efficientnet_for_torchvision(record: BackboneRecord) -> Plan:
    """None: it pads both sides alike.

    Raises:
        UserError: always.
    """
    raise refusal(
        'torchvision',
        record.backbone,
        'its EfficientNet pads both sides alike, the trained one as '
        'TensorFlow does',
        'choose --target timm, onnx or mmdet',
    )


def _in_order(state: State, network: nn.Module | None) -> State:
    """Both networks hold their tensors in the order of computation."""
    if network is None:
        raise UserError(
            '--target timm: the names of an EfficientNet are taken from timm, '
            "which is missing; pip install 'cds_mm[export]'"
        )
    theirs = [*network.state_dict()]
    if len(theirs) != len(state):
        raise UserError(
            f'--target timm: the trained network has {len(state)} tensors, '
            f"timm's has {len(theirs)}; {ELSEWHERE}"
        )
    return dict(zip(theirs, state.values(), strict=True))
