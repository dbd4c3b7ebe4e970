"""Each library takes the file and computes the same with it."""

import importlib.util
import re

import pytest
import torch

from cds_mm.checkpoint import Options, convert
from cds_mm.checkpoint.probe import stage_features
from cds_mm.checkpoint.targets import pack, rename
from cds_mm.errors import UserError


def load_but_for_the_head(network, state):
    missing, unexpected = network.load_state_dict(state, strict=False)
    assert sorted(missing) == ['fc.bias', 'fc.weight']
    assert unexpected == []
    network.eval()


def assert_close(found, expected):
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_torchvision(tmp_path, training_file, features_of):
    import torchvision

    src, trained = training_file(base_channels=64, stem_channels=64)
    options = Options(target='torchvision')
    path = convert(src, tmp_path / 'tv.pth', options).path
    network = torchvision.models.resnet18()
    load_but_for_the_head(network, torch.load(path, weights_only=True))
    inputs = torch.randn(1, 3, 64, 64)
    for found, expected in zip(
        features_of(network, inputs), features_of(trained, inputs), strict=True
    ):
        assert_close(found, expected)


@pytest.mark.parametrize(
    ('name', 'cfg'),
    [
        ('resnet18', {'type': 'ResNet', 'depth': 18}),
        ('resnet50', {'type': 'ResNet', 'depth': 50}),
        ('resnet50d', {'type': 'ResNetV1d', 'depth': 50}),
        ('seresnet50', {'type': 'SEResNet', 'depth': 50}),
    ],
)
def test_timm(mm_backbone, name, cfg):
    timm = pytest.importorskip('timm')
    backbone = mm_backbone(**cfg)
    network = timm.create_model(name, pretrained=False)
    load_but_for_the_head(network, pack(backbone.state_dict(), {}, 'timm'))
    inputs = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        found = network.forward_features(inputs)[0]
    assert_close(found, stage_features(backbone, inputs)[3])


def test_detectron2_names(resnet):
    network = resnet('resnet50')
    state = network.state_dict()
    state = {k: v for k, v in state.items() if not k.startswith('fc.')}
    content = pack(state, {}, 'detectron2')
    assert content['matching_heuristics'] is True
    names = content['model']
    assert len(names) == len(state) - 53  # a counter for each BatchNorm
    # As in Detectron2's documentation of its ResNet.
    pattern = re.compile(
        r'(stem\.conv1|res[2-5]\.\d+\.(conv[123]|shortcut))'
        r'\.(weight|norm\.(weight|bias|running_mean|running_var))'
    )
    assert [name for name in names if not pattern.fullmatch(name)] == []
    for ours, theirs in (
        ('conv1.weight', 'stem.conv1.weight'),
        ('bn1.running_var', 'stem.conv1.norm.running_var'),
        ('layer1.0.conv3.weight', 'res2.0.conv3.weight'),
        ('layer4.2.bn2.bias', 'res5.2.conv2.norm.bias'),
        ('layer3.0.downsample.0.weight', 'res4.0.shortcut.weight'),
        ('layer3.0.downsample.1.weight', 'res4.0.shortcut.norm.weight'),
    ):
        assert names[theirs] is state[ours]


@pytest.mark.skipif(
    importlib.util.find_spec('detectron2') is None,
    reason='Detectron2 is not installed: its names are tested, not its load',
)
def test_detectron2_loads(resnet):
    from detectron2.modeling.backbone.resnet import BasicStem, ResNet

    stages = ResNet.make_default_stages(50, stride_in_1x1=False)
    network = ResNet(BasicStem(norm='BN'), stages)
    state = resnet('resnet50').state_dict()
    state = {k: v for k, v in state.items() if not k.startswith('fc.')}
    content = pack(state, {}, 'detectron2')['model']
    missing, unexpected = network.load_state_dict(content, strict=False)
    assert unexpected == []
    assert all(key.endswith('num_batches_tracked') for key in missing)


def test_networks_that_a_library_lacks(mm_backbone, tmp_path, training_file):
    state = mm_backbone(type='SEResNet', depth=50).state_dict()
    for target in ('torchvision', 'detectron2'):
        with pytest.raises(UserError, match='se_layer'):
            rename(state, target)
    src, _ = training_file()
    with pytest.raises(UserError, match='no such target'):
        convert(src, tmp_path / 'b.pth', Options(target='keras'))
    with pytest.raises(UserError, match='safetensors'):
        options = Options(target='detectron2')
        convert(src, tmp_path / 'b.safetensors', options)
    assert list(tmp_path.iterdir()) == [src]
