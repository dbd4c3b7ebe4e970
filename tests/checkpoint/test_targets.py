"""Each library takes the file and computes the same with it."""

import importlib.util
import re
from types import SimpleNamespace

import pytest
import torch

from cds_mm.checkpoint import Options, convert
from cds_mm.checkpoint.probe_image import stage_features
from cds_mm.checkpoint.targets import pack, rename, settings
from cds_mm.errors import UserError

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


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
        ('seresnet18', {'type': 'SEResNetAnyDepth', 'depth': 18}),
        ('seresnet50', {'type': 'SEResNet', 'depth': 50}),
    ],
)
def test_timm(mm_backbone, record, name, cfg):
    timm = pytest.importorskip('timm')
    backbone = mm_backbone(**cfg)
    network = timm.create_model(name, pretrained=False)
    content = pack(backbone.state_dict(), record(), 'timm')
    load_but_for_the_head(network, content)
    inputs = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        found = network.forward_features(inputs)[0]
    assert_close(found, stage_features(backbone, inputs)[3])


def test_detectron2_names(resnet, record):
    network = resnet('resnet50')
    state = network.state_dict()
    state = {k: v for k, v in state.items() if not k.startswith('fc.')}
    content = pack(state, record(), 'detectron2')
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


def detectron2_config(lines):
    """What Detectron2 would read after a user has pasted the lines."""
    cfg = SimpleNamespace(
        INPUT=SimpleNamespace(FORMAT='BGR'),
        MODEL=SimpleNamespace(
            PIXEL_MEAN=[103.53, 116.28, 123.675],
            PIXEL_STD=[1.0, 1.0, 1.0],
            RESNETS=SimpleNamespace(DEPTH=50, STRIDE_IN_1X1=True),
        ),
    )
    exec('\n'.join(lines), {'cfg': cfg})
    return cfg


def test_settings_for_detectron2(record):
    resnet50 = {'type': 'ResNet', 'depth': 50, 'style': 'pytorch'}
    trained = record(backbone=resnet50)
    cfg = detectron2_config(settings(trained, 'detectron2'))
    assert cfg.INPUT.FORMAT == 'RGB'
    model = cfg.MODEL
    assert [model.PIXEL_MEAN, model.PIXEL_STD] == [MEAN, STD]
    assert vars(cfg.MODEL.RESNETS) == {'DEPTH': 50, 'STRIDE_IN_1X1': False}
    caffe = record(
        backbone={**resnet50, 'style': 'caffe'},
        mean=[1.0, 2, 3],
        channel_order='bgr',
    )
    cfg = detectron2_config(settings(caffe, 'detectron2'))
    assert cfg.INPUT.FORMAT == 'BGR'
    assert cfg.MODEL.PIXEL_MEAN == [1, 2, 3]
    assert cfg.MODEL.RESNETS.STRIDE_IN_1X1 is True


def test_settings_for_other_networks_of_detectron2(record):
    cfg = detectron2_config(settings(record(), 'detectron2'))
    assert cfg.MODEL.RESNETS.DEPTH == 18
    assert cfg.MODEL.RESNETS.RES2_OUT_CHANNELS == 64
    backbone = {'type': 'ResNeXt', 'depth': 101, 'groups': 32}
    trained = record(backbone={**backbone, 'width_per_group': 8})
    resnets = detectron2_config(settings(trained, 'detectron2')).MODEL.RESNETS
    assert (resnets.NUM_GROUPS, resnets.WIDTH_PER_GROUP) == (32, 8)
    wide = {'type': 'ResNet', 'depth': 50, 'base_channels': 128}
    trained = record(backbone={**wide, 'expansion': 2})
    resnets = detectron2_config(settings(trained, 'detectron2')).MODEL.RESNETS
    assert resnets.WIDTH_PER_GROUP == 128


@pytest.mark.parametrize('target', ['timm', 'torchvision'])
def test_settings_from_0_to_1(record, target):
    # torchvision's own numbers, as timm's data config has them.
    assert settings(record(), target) == [
        'images: RGB, values from 0 to 1',
        'mean=(0.485, 0.456, 0.406)',
        'std=(0.229, 0.224, 0.225)',
    ]
    assert 'BGR' in settings(record(channel_order='bgr'), target)[0]
    cifar = record(backbone={'type': 'ResNeXt_CIFAR', 'depth': 50})
    assert 'no max-pool' in settings(cifar, target)[-1]


def test_detectron2_file_keeps_the_record(tmp_path, training_file):
    src, _ = training_file()
    options = Options(target='detectron2')
    path = convert(src, tmp_path / 'd2.pth', options).path
    content = torch.load(path, weights_only=True)
    assert content['cds_mm']['mean'] == [123.675, 116.28, 103.53]
    assert all('cds_mm' not in name for name in content['model'])


@pytest.mark.skipif(
    importlib.util.find_spec('detectron2') is None,
    reason='Detectron2 is not installed: its names are tested, not its load',
)
def test_detectron2_loads(resnet, record):
    from detectron2.modeling.backbone.resnet import BasicStem, ResNet

    stages = ResNet.make_default_stages(50, stride_in_1x1=False)
    network = ResNet(BasicStem(norm='BN'), stages)
    state = resnet('resnet50').state_dict()
    state = {k: v for k, v in state.items() if not k.startswith('fc.')}
    content = pack(state, record(), 'detectron2')['model']
    missing, unexpected = network.load_state_dict(content, strict=False)
    assert unexpected == []
    assert all(key.endswith('num_batches_tracked') for key in missing)


def test_networks_that_a_library_lacks(mm_backbone, tmp_path, training_file):
    state = mm_backbone(type='SEResNet', depth=50).state_dict()
    for target in ('torchvision', 'detectron2'):
        with pytest.raises(UserError, match='se_layer'):
            rename(state, target)
    state = mm_backbone(type='PreActResNet', depth=18).state_dict()
    for target in ('torchvision', 'timm', 'detectron2'):
        with pytest.raises(UserError, match='pre-activation'):
            rename(state, target)
    assert rename(state, 'mmdet') == state
    state = mm_backbone(type='ResNet_CIFAR', depth=18).state_dict()
    with pytest.raises(UserError, match='CIFAR stem'):
        rename(state, 'detectron2')
    src, _ = training_file()
    with pytest.raises(UserError, match='no such target'):
        convert(src, tmp_path / 'b.pth', Options(target='keras'))
    with pytest.raises(UserError, match='safetensors'):
        options = Options(target='detectron2')
        convert(src, tmp_path / 'b.safetensors', options)
    assert list(tmp_path.iterdir()) == [src]
