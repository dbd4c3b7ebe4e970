"""torchvision's networks are recognised and rebuilt."""

import pytest
import torch

from cds_mm.checkpoint.family import backbone_from_shapes
from cds_mm.checkpoint.probe_image import stage_features
from cds_mm.checkpoint.source import build_source, load_strictly
from cds_mm.errors import UserError

WIDE = {'base_channels': 128, 'expansion': 2}
GROUPED = {'groups': 32, 'width_per_group': 4}


def bare(network):
    state = network.state_dict()
    return {k: v for k, v in state.items() if not k.startswith('fc.')}


@pytest.mark.parametrize(
    'name',
    ['resnet18', 'resnet34', 'resnet50', 'resnext50_32x4d'],
)
def test_rebuilt_network_computes_the_same(resnet, features_of, record, name):
    network = resnet(name)
    trained = record(backbone=backbone_from_shapes(bare(network), 'x'))
    source = build_source(trained, 'x')
    load_strictly(source, bare(network), 'x', 'it')
    inputs = torch.randn(1, 3, 64, 64)
    found = stage_features(source, inputs)
    expected = features_of(network, inputs)
    assert sorted(found) == [0, 1, 2, 3]
    for stage, map_ in enumerate(expected):
        scale = map_.abs().max()
        assert (found[stage] - map_[0]).abs().max() <= 1e-5 * scale


def torchvision_network(name):
    from torchvision.models import resnet

    if name == 'resnext101_32x4d':  # the one that it gives no name
        wide = {'groups': 32, 'width_per_group': 4}
        return resnet.ResNet(resnet.Bottleneck, [3, 4, 23, 3], **wide)
    return getattr(resnet, name)()


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('resnet101', {'type': 'ResNet', 'depth': 101}),
        ('resnet152', {'type': 'ResNet', 'depth': 152}),
        (
            'resnext101_32x8d',
            {'type': 'ResNeXt', 'groups': 32, 'width_per_group': 8},
        ),
        (
            'resnext101_32x4d',
            {'type': 'ResNeXt', 'groups': 32, 'width_per_group': 4},
        ),
        ('wide_resnet50_2', {'base_channels': 128, 'expansion': 2}),
        ('wide_resnet101_2', {'base_channels': 128, 'expansion': 2}),
    ],
)
def test_recognised_and_buildable(record, name, expected):
    with torch.device('meta'):  # shapes only
        network = torchvision_network(name)
        cfg = backbone_from_shapes(bare(network), 'x')
    source = build_source(record(backbone=cfg), 'x')
    assert expected.items() <= cfg.items()
    shapes = {k: v.shape for k, v in bare(network).items()}
    assert shapes == {k: v.shape for k, v in source.state_dict().items()}


@pytest.mark.parametrize(
    'cfg',
    [
        {'type': 'ResNet_CIFAR', 'depth': 18},
        {'type': 'ResNet_CIFAR', 'depth': 50},
        {'type': 'ResNet_CIFAR', 'depth': 50, **WIDE},
        {'type': 'ResNeXt_CIFAR', 'depth': 50, **GROUPED},
    ],
)
def test_cifar_stem(mm_backbone, record, cfg):
    state = mm_backbone(**cfg).state_dict()
    found = backbone_from_shapes(state, 'x')
    assert found == {**cfg, 'style': 'pytorch'}
    source = build_source(record(backbone=found), 'x')
    load_strictly(source, state, 'x', 'it')


@pytest.mark.parametrize(
    ('cfg', 'key'),
    [
        ({'type': 'SEResNet', 'depth': 50}, r'layer1\.0\.se_layer'),
        ({'type': 'SEResNetAnyDepth', 'depth': 18}, r'layer1\.0\.se_layer'),
        ({'type': 'SEResNet_CIFAR', 'depth': 18}, r'layer1\.0\.se_layer'),
        ({'type': 'PreActResNet', 'depth': 18}, 'final_norm'),
        ({'type': 'PreActResNet_CIFAR', 'depth': 18}, 'final_norm'),
    ],
)
def test_what_shapes_cannot_tell(mm_backbone, cfg, key):
    state = mm_backbone(**cfg).state_dict()
    with pytest.raises(UserError, match=rf"one is '{key}.*--config"):
        backbone_from_shapes(state, 'x')


def test_other_networks_are_not_guessed():
    import torchvision

    with torch.device('meta'):
        network = torchvision.models.mobilenet_v3_small()
    with pytest.raises(UserError, match='--config'):
        backbone_from_shapes(network.state_dict(), 'x')
