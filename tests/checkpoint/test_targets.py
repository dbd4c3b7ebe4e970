"""Each library takes the file and computes the same with it."""

import importlib.util
import pickle
import pickletools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cds_mm.checkpoint import Options, convert, targets
from cds_mm.checkpoint.exports.detectron2 import pickled
from cds_mm.checkpoint.probe_image import stage_features
from cds_mm.errors import UserError

FULL = dict(base_channels=64, stem_channels=64)

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

    src, trained = training_file(**FULL)
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
    content = targets.export(backbone, record(backbone=cfg), 'timm').content
    load_but_for_the_head(network, content)
    inputs = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        found = network.forward_features(inputs)[0]
    assert_close(found, stage_features(backbone, inputs)[3])


def names_of_detectron2(depth):
    """By the rules of Detectron2's own classes, written out here.

    A convolution holds its norm; a stage is ``res2`` to ``res5``; a block
    has a shortcut where it changes the channels.
    """
    blocks = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}[depth]
    layers = ['conv1', 'conv2'] + ['conv3'] * (depth >= 50)
    convolutions = ['stem.conv1']
    for stage, count in enumerate(blocks):
        for block in range(count):
            start = f'res{stage + 2}.{block}'
            convolutions += [f'{start}.{layer}' for layer in layers]
            # Stage res2 of basic blocks has as many channels as the stem.
            if block == 0 and (stage > 0 or depth >= 50):
                convolutions.append(f'{start}.shortcut')
    norms = 'weight bias running_mean running_var'.split()
    return {
        f'{name}.{what}'
        for name in convolutions
        for what in ['weight', *(f'norm.{one}' for one in norms)]
    }


@pytest.mark.parametrize(('depth', 'count'), [(18, 100), (50, 265)])
def test_detectron2_names(mm_backbone, record, depth, count):
    cfg = dict(type='ResNet', depth=depth)
    network = mm_backbone(**cfg)
    state = network.state_dict()
    content = targets.export(network, record(backbone=cfg), 'detectron2')
    assert content.content['matching_heuristics'] is True
    names = content.content['model']
    assert len(names) == count
    assert names.keys() == names_of_detectron2(depth)
    pairs = [
        ('conv1.weight', 'stem.conv1.weight'),
        ('bn1.running_var', 'stem.conv1.norm.running_var'),
        ('layer4.1.bn2.bias', 'res5.1.conv2.norm.bias'),
        ('layer3.0.downsample.0.weight', 'res4.0.shortcut.weight'),
        ('layer3.0.downsample.1.weight', 'res4.0.shortcut.norm.weight'),
    ]
    if depth == 50:
        pairs.append(('layer1.0.conv3.weight', 'res2.0.conv3.weight'))
    for ours, theirs in pairs:
        assert torch.equal(names[theirs], state[ours])


def test_a_pickle_for_detectron2(tmp_path, training_file, run):
    """It opens a .pkl with ``pickle.load`` and wants arrays."""
    src, trained = training_file(**FULL)
    path = tmp_path / 'b.pkl'
    code, out, err = run(src, path, '--target', 'detectron2')
    assert (code, err) == (0, '')
    with path.open('rb') as file:
        content = pickle.load(file, encoding='latin1')
    assert content['__author__'] and content['matching_heuristics'] is True
    arrays = content['model']
    assert arrays.keys() == names_of_detectron2(18)
    assert all(type(value) is np.ndarray for value in arrays.values())
    weight = torch.from_numpy(arrays['res3.0.shortcut.weight'])
    assert torch.equal(weight, trained.layer2[0].downsample[0].weight)
    # Else a detector could not train on what it has loaded.
    assert all(value.flags.writeable for value in arrays.values())


def test_a_pickle_for_every_version_of_numpy():
    """NumPy's own pickles name ``numpy._core``, which 1.25 lacks."""
    values = {'a': torch.arange(6.0).view(2, 3).t(), 'b': torch.tensor(3)}
    content = pickled({'model': values})
    named = {
        argument
        for code, argument, _ in pickletools.genops(content)
        if code.name == 'SHORT_BINUNICODE'
    }
    assert not [name for name in named if '_core' in name or '.core' in name]
    found = pickle.loads(content)['model']
    for key, value in values.items():
        assert np.array_equal(found[key], value.numpy())


@pytest.mark.parametrize('target', ['mmdet', 'timm', 'torchvision'])
def test_a_pickle_for_nobody_else(tmp_path, training_file, run, target):
    src, _ = training_file(**FULL)
    code, out, err = run(src, tmp_path / 'b.pkl', '--target', target)
    assert (code, out) == (1, '')
    assert err.count('\n') == 1 and 'name a .pth file' in err
    assert list(tmp_path.iterdir()) == [src]


def lines_for(record, target):
    return targets.plan_of(record, target).settings


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
    cfg = detectron2_config(lines_for(trained, 'detectron2'))
    assert cfg.INPUT.FORMAT == 'RGB'
    model = cfg.MODEL
    assert [model.PIXEL_MEAN, model.PIXEL_STD] == [MEAN, STD]
    assert vars(cfg.MODEL.RESNETS) == {'DEPTH': 50, 'STRIDE_IN_1X1': False}
    caffe = record(
        backbone={**resnet50, 'style': 'caffe'},
        mean=[1.0, 2, 3],
        channel_order='bgr',
    )
    cfg = detectron2_config(lines_for(caffe, 'detectron2'))
    assert cfg.INPUT.FORMAT == 'BGR'
    assert cfg.MODEL.PIXEL_MEAN == [1, 2, 3]
    assert cfg.MODEL.RESNETS.STRIDE_IN_1X1 is True


def test_settings_for_other_networks_of_detectron2(record):
    resnet18 = record(backbone={'type': 'ResNet', 'depth': 18})
    cfg = detectron2_config(lines_for(resnet18, 'detectron2'))
    assert cfg.MODEL.RESNETS.DEPTH == 18
    assert cfg.MODEL.RESNETS.RES2_OUT_CHANNELS == 64
    backbone = {'type': 'ResNeXt', 'depth': 101, 'groups': 32}
    trained = record(backbone={**backbone, 'width_per_group': 8})
    resnets = detectron2_config(lines_for(trained, 'detectron2')).MODEL.RESNETS
    assert (resnets.NUM_GROUPS, resnets.WIDTH_PER_GROUP) == (32, 8)
    wide = {'type': 'ResNet', 'depth': 50, 'base_channels': 128}
    trained = record(backbone={**wide, 'expansion': 2})
    resnets = detectron2_config(lines_for(trained, 'detectron2')).MODEL.RESNETS
    assert resnets.WIDTH_PER_GROUP == 128


@pytest.mark.parametrize('target', ['timm', 'torchvision'])
def test_settings_from_0_to_1(record, target):
    # torchvision's own numbers, as timm's data config has them.
    assert targets.input_settings(record()) == [
        'images: RGB, values from 0 to 1',
        'mean=(0.485, 0.456, 0.406)',
        'std=(0.229, 0.224, 0.225)',
    ]
    assert 'BGR' in targets.input_settings(record(channel_order='bgr'))[0]
    cifar = record(backbone={'type': 'ResNeXt_CIFAR', 'depth': 50})
    assert 'no max-pool' in lines_for(cifar, target)[-1]


def test_detectron2_file_keeps_the_record(tmp_path, training_file):
    src, _ = training_file(**FULL)
    options = Options(target='detectron2')
    path = convert(src, tmp_path / 'd2.pth', options).path
    content = torch.load(path, weights_only=True)
    assert content['cds_mm']['mean'] == [123.675, 116.28, 103.53]
    assert all('cds_mm' not in name for name in content['model'])


@pytest.mark.skipif(
    importlib.util.find_spec('detectron2') is None,
    reason='Detectron2 is not installed: its names are tested, not its load',
)
def test_detectron2_loads(tmp_path, mm_backbone, record):
    from detectron2.checkpoint import DetectionCheckpointer
    from detectron2.config import get_cfg
    from detectron2.layers import ShapeSpec
    from detectron2.modeling.backbone import build_resnet_backbone

    backbone = dict(type='ResNet', depth=50)
    trained = record(backbone=backbone)
    export = targets.export(mm_backbone(**backbone), trained, 'detectron2')
    assert export.proof.difference <= 1e-5
    cfg = get_cfg()
    exec('\n'.join(export.plan.settings), {'cfg': cfg})
    for name in ('b.pth', 'b.pkl'):
        path = tmp_path / name
        targets.write(export, trained, path, None, False, None)
        network = build_resnet_backbone(cfg, ShapeSpec(channels=3))
        found = DetectionCheckpointer(network).load(str(path))
        assert found
        weight = export.content['model']['stem.conv1.weight']
        assert torch.equal(network.stem.conv1.weight, weight)


def test_networks_that_a_library_lacks(record, tmp_path, training_file):
    def refused(target, **backbone):
        with pytest.raises(UserError) as error:
            targets.plan_of(record(backbone=backbone), target)
        return str(error.value)

    for target in ('torchvision', 'detectron2'):
        assert 'se_layer' in refused(target, type='SEResNet', depth=50)
    for target in ('torchvision', 'timm', 'detectron2'):
        said = refused(target, type='PreActResNet', depth=18)
        assert 'pre-activation' in said
    said = refused('detectron2', type='ResNet_CIFAR', depth=18)
    assert 'CIFAR stem' in said
    src, trained = training_file(type='PreActResNet')
    path = convert(src, tmp_path / 'b.pth').path
    written = torch.load(path, weights_only=True)['state_dict']
    assert written.keys() == trained.state_dict().keys()
    path.unlink()
    src, _ = training_file(**FULL)
    with pytest.raises(UserError, match='no such target'):
        convert(src, tmp_path / 'b.pth', Options(target='keras'))
    with pytest.raises(UserError, match='safetensors'):
        options = Options(target='detectron2')
        convert(src, tmp_path / 'b.safetensors', options)
    assert list(tmp_path.iterdir()) == [src]
