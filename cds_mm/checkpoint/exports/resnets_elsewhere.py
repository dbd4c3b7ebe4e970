"""ResNets and their relatives as networks of torchvision and timm."""

from torch import nn

from cds_mm.checkpoint.exports.plan import (
    Plan,
    in_python,
    refusal,
    renamed,
    same_names,
)
from cds_mm.checkpoint.exports.resnets import (
    PLANES,
    STAGES,
    ResNetFacts,
    adapt_stem,
    facts_of,
    refuse_caffe,
    stem_settings,
)
from cds_mm.checkpoint.record import BackboneRecord


def for_torchvision(record: BackboneRecord) -> Plan:
    """A ResNet, ResNeXt or wide ResNet of torchvision."""
    facts, cfg = facts_of(record, 'torchvision'), record.backbone
    lacking = {
        "has no ResNet with a deep 'stem'": facts.deep,
        "has no ResNet with 'se_layer' in its blocks": facts.se,
        'has no ResNet whose shortcuts average': facts.averaged,
    }
    for words, present in lacking.items():
        if present:
            raise refusal(
                'torchvision', cfg, words, 'choose --target timm, or mmdet'
            )
    refuse_caffe('torchvision', cfg, facts)
    if (facts.stem, facts.planes) != (PLANES, PLANES):
        raise refusal(
            'torchvision',
            cfg,
            f'has {PLANES} channels in the stem and the first stage, the '
            f'trained one {facts.stem} and {facts.planes}',
        )
    name, options = _of_torchvision(facts)

    def build() -> nn.Module:
        import torchvision

        network = getattr(torchvision.models, name)(**options)
        network.fc = nn.Identity()
        return adapt_stem(network, facts)

    return Plan(
        'torchvision',
        in_python(f'torchvision.models.{name}', **options),
        build,
        same_names,
        [(stage, stage) for stage in STAGES],
        stem_settings(facts),
    )


_NAMED = {
    (50, 32, 4): 'resnext50_32x4d',
    (101, 32, 8): 'resnext101_32x8d',
    (101, 64, 4): 'resnext101_64x4d',
    (50, 1, 128): 'wide_resnet50_2',
    (101, 1, 128): 'wide_resnet101_2',
}


def _of_torchvision(facts: ResNetFacts) -> tuple[str, dict]:
    width = facts.base_width
    if facts.small:
        return f'resnet{facts.depth}', {}
    name = _NAMED.get((facts.depth, facts.groups, int(width)))
    if name and width == int(width):
        return name, {}
    options = {}
    if facts.groups != 1:
        options['groups'] = facts.groups
    if width != PLANES:
        options['width_per_group'] = int(width)
    return f'resnet{facts.depth}', options


_TIMM_NAMED = {
    **_NAMED,
    (101, 32, 4): 'resnext101_32x4d',
    (50, 1, 64): 'resnet50',
    (101, 1, 64): 'resnet101',
    (152, 1, 64): 'resnet152',
}
_TIMM_SE = {
    (50, 32, 4): 'seresnext50_32x4d',
    (101, 32, 4): 'seresnext101_32x4d',
    (101, 32, 8): 'seresnext101_32x8d',
    (101, 64, 4): 'seresnext101_64x4d',
}
# Pattern and replacement, applied in turn to each bare MMPretrain key.
_TIMM = (
    (r'\bse_layer\.conv([12])\.conv\.', r'se.fc\1.'),
    (r'^stem\.0\.conv\.', 'conv1.0.'),
    (r'^stem\.0\.bn\.', 'conv1.1.'),
    (r'^stem\.1\.conv\.', 'conv1.3.'),
    (r'^stem\.1\.bn\.', 'conv1.4.'),
    (r'^stem\.2\.conv\.', 'conv1.6.'),
    (r'^stem\.2\.bn\.', 'bn1.'),
)
# Where shortcuts average, timm has a pool before the first one as well, which
# MMPretrain leaves out (stride 1): the indices there are one higher.
_TIMM_SHORTCUT = (
    (r'^layer1\.0\.downsample\.1\.', 'layer1.0.downsample.2.'),
    (r'^layer1\.0\.downsample\.0\.', 'layer1.0.downsample.1.'),
)


def for_timm(record: BackboneRecord) -> Plan:
    """A ResNet, ResNeXt, wide ResNet or SE-ResNet of timm."""
    facts, cfg = facts_of(record, 'timm'), record.backbone
    refuse_caffe('timm', cfg, facts)
    if not facts.deep and facts.stem != PLANES:
        raise refusal(
            'timm',
            cfg,
            f'has {PLANES} channels in the stem, the trained one {facts.stem}',
        )
    name, options = _of_timm(facts)

    def build() -> nn.Module:
        import timm

        network = timm.create_model(name, num_classes=0, **options)
        return adapt_stem(network, facts)

    rules = [*_TIMM, *(_TIMM_SHORTCUT if facts.averaged else ())]
    return Plan(
        'timm',
        in_python('timm.create_model', name, num_classes=0, **options),
        build,
        renamed(rules),
        [(stage, stage) for stage in STAGES],
        stem_settings(facts),
        (name, options) if facts.pooled else None,
    )


def _of_timm(facts: ResNetFacts) -> tuple[str, dict]:
    name = f'{"se" if facts.se else ""}resnet{facts.depth}'
    options: dict = {}
    kind = (facts.depth, facts.groups, int(facts.base_width))
    usual = facts.small or kind[1:] == (1, PLANES)
    named = (_TIMM_SE if facts.se else _TIMM_NAMED).get(kind)
    if not usual and named and not facts.deep:
        name = named
    elif not usual:
        options |= {'cardinality': facts.groups}
        options |= {'base_width': int(facts.base_width)}
    if facts.planes != PLANES:
        options['channels'] = tuple(int(facts.planes) << n for n in range(4))
    width = facts.stem // 2
    if facts.deep and facts.averaged and not facts.se and width == 32:
        return f'{name}d', options
    if facts.deep:
        options |= {'stem_type': 'deep', 'stem_width': width}
    if facts.averaged:
        options['avg_down'] = True
    return name, options
