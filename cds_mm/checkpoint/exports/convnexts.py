"""ConvNeXts as networks of torchvision and timm."""

from typing import Any

from torch import nn

from cds_mm.checkpoint.backbone_types import arguments_of
from cds_mm.checkpoint.exports.arguments import check_usual
from cds_mm.checkpoint.exports.plan import (
    Plan,
    State,
    in_python,
    refusal,
    renamed,
)
from cds_mm.checkpoint.record import BackboneRecord

_EPS = 1e-6
_KNOWN = 'arch linear_pw_conv layer_scale_init_value gap_before_final_norm'
_STAGES = range(4)
_NAMED = ('tiny', 'small', 'base', 'large')
_LAYERS = {
    'depthwise_conv': ('block.0', 'conv_dw'),
    'norm': ('block.2', 'norm'),
    'pointwise_conv1': ('block.3', 'mlp.fc1'),
    'pointwise_conv2': ('block.5', 'mlp.fc2'),
}


def for_torchvision(record: BackboneRecord) -> Plan:
    """A ConvNeXt of torchvision."""
    depths, dims, given = _sizes(record, 'torchvision')
    if not given['linear_pw_conv']:
        raise refusal(
            'torchvision', record.backbone, 'has no linear_pw_conv=False'
        )
    arch = given['arch'] if given['arch'] in _NAMED else None
    rows = list(zip(dims, [*dims[1:], None], depths, strict=True))
    call = in_python(f'torchvision.models.convnext_{arch}')
    if arch is None:
        blocks = ', '.join(in_python('CNBlockConfig', *row) for row in rows)
        call = f'torchvision.models.convnext.ConvNeXt([{blocks}])'

    def build() -> nn.Module:
        import torchvision
        from torchvision.models.convnext import CNBlockConfig, ConvNeXt

        if arch is None:
            network = ConvNeXt([CNBlockConfig(*row) for row in rows])
        else:
            network = getattr(torchvision.models, f'convnext_{arch}')()
        network.classifier[2] = nn.Identity()  # behind the last norm
        return network

    names = renamed(
        (
            (r'^norm3\.', 'classifier.0.'),
            (
                r'^downsample_layers\.(\d)\.',
                lambda found: f'features.{2 * int(found[1])}.',
            ),
            (
                r'^stages\.(\d)\.',
                lambda found: f'features.{2 * int(found[1]) + 1}.',
            ),
            (r'\.gamma$', '.layer_scale'),
            *_layers(0),
        )
    )

    def shaped(state: State, network: nn.Module | None) -> State:
        found = names(_without_outputs(state), network)
        return {
            key: value[:, None, None] if key.endswith('scale') else value
            for key, value in found.items()
        }

    stages = [(f'stages.{n}', f'features.{2 * n + 1}') for n in _STAGES]
    return Plan('torchvision', call, build, shaped, stages)


def for_timm(record: BackboneRecord) -> Plan:
    """A ConvNeXt of timm."""
    depths, dims, given = _sizes(record, 'timm')
    options: dict[str, Any] = {}
    name = f'convnext_{given["arch"]}'
    if given['arch'] not in _NAMED:
        name, options = 'convnext_tiny', {'depths': depths, 'dims': dims}
    if not given['linear_pw_conv']:
        options['conv_mlp'] = True

    def build() -> nn.Module:
        import timm

        return timm.create_model(name, num_classes=0, **options)

    names = renamed(
        (
            (r'^norm3\.', 'head.norm.'),
            (r'^downsample_layers\.0\.', 'stem.'),
            (r'^downsample_layers\.(\d)\.', r'stages.\1.downsample.'),
            (r'^stages\.(\d)\.(\d+)\.', r'stages.\1.blocks.\2.'),
            *_layers(1),
        )
    )
    return Plan(
        'timm',
        in_python('timm.create_model', name, num_classes=0, **options),
        build,
        lambda state, network: names(_without_outputs(state), network),
        [(f'stages.{n}', f'stages.{n}') for n in _STAGES],
        timm=(name, options),
    )


def _layers(library: int) -> list[tuple[str, str]]:
    """Rules for the layers of a block, which a number precedes."""
    return [
        (rf'(\.\d+)\.{ours}\.', rf'\1.{theirs[library]}.')
        for ours, theirs in _LAYERS.items()
    ]


def _without_outputs(state: State) -> State:
    """Without the norms of stages that are given out, which these lack."""
    return {
        key: value
        for key, value in state.items()
        if not key.startswith(('norm0.', 'norm1.', 'norm2.'))
    }


def _sizes(
    record: BackboneRecord, target: str
) -> tuple[list[int], list[int], dict[str, Any]]:
    """Depths and channels of the stages, and all arguments."""
    from mmpretrain.models import ConvNeXt

    cfg = record.backbone
    check_usual(target, cfg, _KNOWN.split(), _EPS, ('LN', 'LN2d'))
    given = arguments_of(cfg)
    if given['layer_scale_init_value'] <= 0:
        raise refusal(target, cfg, 'has no ConvNeXt without layer scale')
    arch = given['arch']
    found = ConvNeXt.arch_settings[arch] if isinstance(arch, str) else arch
    if len(found['depths']) != len(_STAGES):
        raise refusal(target, cfg, 'has a ConvNeXt of four stages')
    return list(found['depths']), list(found['channels']), given
