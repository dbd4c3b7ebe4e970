"""torchvision's networks are recognised and rebuilt."""

import pytest
import torch

from cds_mm.checkpoint.family import backbone_from_shapes
from cds_mm.checkpoint.probe import stage_features
from cds_mm.checkpoint.source import build_source, load_strictly
from cds_mm.errors import UserError


def bare(network):
    state = network.state_dict()
    return {k: v for k, v in state.items() if not k.startswith('fc.')}


@pytest.mark.parametrize(
    'name',
    ['resnet18', 'resnet34', 'resnet50', 'resnext50_32x4d'],
)
def test_rebuilt_network_computes_the_same(resnet, features_of, name):
    network = resnet(name)
    record = {'backbone': backbone_from_shapes(bare(network), 'x')}
    source = build_source(record, 'x')
    load_strictly(source, bare(network), 'x', 'it')
    inputs = torch.randn(1, 3, 64, 64)
    found = stage_features(source, inputs)
    expected = features_of(network, inputs)
    assert sorted(found) == [0, 1, 2, 3]
    for stage, map_ in enumerate(expected):
        scale = map_.abs().max()
        assert (found[stage] - map_[0]).abs().max() <= 1e-5 * scale


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('resnet101', {'type': 'ResNet', 'depth': 101}),
        ('resnet152', {'type': 'ResNet', 'depth': 152}),
        (
            'resnext101_32x8d',
            {'type': 'ResNeXt', 'groups': 32, 'width_per_group': 8},
        ),
        ('wide_resnet50_2', {'base_channels': 128, 'expansion': 2}),
    ],
)
def test_recognised_and_buildable(name, expected):
    import torchvision

    with torch.device('meta'):  # shapes only
        network = getattr(torchvision.models, name)()
        cfg = backbone_from_shapes(bare(network), 'x')
    source = build_source({'backbone': cfg}, 'x')
    assert expected.items() <= cfg.items()
    shapes = {k: v.shape for k, v in bare(network).items()}
    assert shapes == {k: v.shape for k, v in source.state_dict().items()}


def test_cifar_stem(mm_backbone):
    state = mm_backbone(type='ResNet_CIFAR', depth=18).state_dict()
    assert backbone_from_shapes(state, 'x')['type'] == 'ResNet_CIFAR'


def test_other_networks_are_not_guessed():
    import torchvision

    with torch.device('meta'):
        network = torchvision.models.mobilenet_v3_small()
    with pytest.raises(UserError, match='--config'):
        backbone_from_shapes(network.state_dict(), 'x')
