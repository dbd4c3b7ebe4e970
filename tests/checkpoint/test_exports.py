"""Each family in each library: loads strictly, computes the same, or a line.

What loads and computes is tried here with the libraries' own functions, not
with the proof of the converter.
"""

import pytest
import torch
from torch import nn

from cds_mm.checkpoint import Options, convert, targets
from cds_mm.checkpoint.exports import plans
from cds_mm.checkpoint.exports.plan import Plan
from cds_mm.errors import UserError

SMALL_REGNET = dict(w0=8, wa=8, wm=2.0, group_w=8, depth=7, bot_mul=1.0)
SMALL_CONVNEXT = dict(depths=[1, 2, 1, 1], channels=[8, 16, 24, 32])
OUTPUTS = dict(out_indices=(0, 1, 2, 3))
RESNET = dict(type='ResNet', depth=18)
WIDE = dict(type='ResNet', depth=50, base_channels=128, expansion=2)
REGNET = dict(type='RegNet', arch=SMALL_REGNET)
MOBILENET = dict(type='MobileNetV2', widen_factor=0.35)
CONVNEXT = dict(type='ConvNeXt', arch=SMALL_CONVNEXT, **OUTPUTS)
OF_TIMM = dict(type='TIMMBackbone', model_name='regnetx_002')
# Of each kind of map, small: target, backbone, and a part of how the library
# calls it.
EXAMPLES = [
    ('torchvision', REGNET, 'RegNet(BlockParams('),
    ('torchvision', MOBILENET, 'mobilenet_v2(width_mult=0.35)'),
    ('torchvision', CONVNEXT, 'ConvNeXt([CNBlockConfig(8, 16, 1)'),
    ('timm', REGNET, "'regnetx_002'"),
    ('timm', MOBILENET, "'mobilenetv2_035'"),
    ('timm', CONVNEXT, 'dims=[8, 16, 24, 32]'),
    ('timm', dict(CONVNEXT, linear_pw_conv=False), 'conv_mlp=True'),
    ('timm', dict(OF_TIMM, features_only=True), "'regnetx_002'"),
]
LARGE = [
    ('timm', OF_TIMM, "'regnetx_002'"),
    ('timm', dict(RESNET, base_channels=16), 'channels=(16, 32, 64, 128)'),
    ('timm', dict(type='ResNetV1c', depth=18), "stem_type='deep'"),
    ('torchvision', RESNET, 'resnet18()'),
    ('timm', dict(type='ResNetNoMaxPool', depth=18), 'resnet18'),
    ('torchvision', dict(type='ResNet', depth=50), 'resnet50()'),
    ('torchvision', dict(type='ResNeXt', depth=50), 'resnext50_32x4d'),
    (
        'torchvision',
        dict(type='ResNeXt', depth=50, groups=16, width_per_group=8),
        'groups=16, width_per_group=8',
    ),
    ('torchvision', WIDE, 'wide_resnet50_2'),
    ('torchvision', dict(type='ResNet_CIFAR', depth=18), 'resnet18'),
    ('torchvision', dict(type='RegNet', arch='regnetx_400mf'), 'RegNet('),
    (
        'torchvision',
        dict(type='RegNet', arch='regnetx_800mf'),
        'regnet_x_800mf',
    ),
    ('torchvision', dict(type='MobileNetV2'), 'mobilenet_v2()'),
    (
        'torchvision',
        dict(type='ConvNeXt', arch='tiny', **OUTPUTS),
        'convnext_tiny()',
    ),
    ('timm', WIDE, 'wide_resnet50_2'),
    ('timm', dict(type='ResNeXt', depth=50), 'resnext50_32x4d'),
    ('timm', dict(type='SEResNeXt', depth=50), 'seresnext50_32x4d'),
    ('timm', dict(type='ResNetV1d', depth=101), 'resnet101d'),
    ('timm', dict(type='SEResNet_CIFAR', depth=18), 'seresnet18'),
    ('timm', dict(type='RegNet', arch='regnetx_3.2gf'), 'regnetx_032'),
    ('timm', dict(type='MobileNetV2', widen_factor=1.4), 'mobilenetv2_140'),
    ('timm', dict(type='EfficientNet', arch='b0'), 'tf_efficientnet_b0'),
    ('timm', dict(type='ConvNeXt', arch='tiny', **OUTPUTS), 'convnext_tiny'),
    (
        'timm',
        dict(OF_TIMM, model_name='resnet18', features_only=True),
        'resnet18',
    ),
]


def last_map(network, images):
    """The last stage's output, as each library computes it."""
    if hasattr(network, 'forward_features'):  # timm
        return network.forward_features(images)
    if hasattr(network, 'trunk_output'):  # torchvision's RegNet
        return network.trunk_output(network.stem(images))
    if hasattr(network, 'features'):
        return network.features(images)
    x = network.maxpool(network.relu(network.bn1(network.conv1(images))))
    return network.layer4(network.layer3(network.layer2(network.layer1(x))))


def trained_map(backbone, images):
    backbone.eval()  # of a ResNet, this returns nothing
    if hasattr(backbone, 'downsample_layers'):  # ConvNeXt, before its norms
        for before, stage in zip(
            backbone.downsample_layers, backbone.stages, strict=True
        ):
            images = stage(before(images))
        return images
    return backbone(images)[-1]


def check(target, cfg, called, mm_backbone, record, tmp_path):
    if target == 'timm':
        pytest.importorskip('timm')
    backbone, trained = mm_backbone(**cfg), record(backbone=cfg)
    export = targets.export(backbone, trained, target)
    assert called in export.plan.network
    path = targets.write(
        export, trained, tmp_path / 'b.pth', None, False, None
    )
    assert export.proof.difference <= 1e-5
    network = export.plan.build().eval()
    network.load_state_dict(torch.load(path, weights_only=True), strict=True)
    images = torch.randn(2, 3, 96, 64)
    with torch.no_grad():
        found = last_map(network, images)
        expected = trained_map(backbone, images)
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.fixture
def saved(mm_backbone, record, tmp_path):
    """Saves any backbone as our training does."""

    def save(cfg):
        state = mm_backbone(**cfg).state_dict()
        state = {f'backbone.{key}': value for key, value in state.items()}
        meta = {'cds_mm': record(backbone=cfg).to_dict()}
        path = tmp_path / 'src.pth'
        torch.save({'state_dict': state, 'meta': meta}, path)
        return path

    return save


@pytest.mark.parametrize(('target', 'cfg', 'called'), EXAMPLES, ids=str)
def test_loads_and_computes(
    target, cfg, called, mm_backbone, record, tmp_path
):
    check(target, cfg, called, mm_backbone, record, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(('target', 'cfg', 'called'), LARGE, ids=str)
def test_large_ones_load_and_compute(
    target, cfg, called, mm_backbone, record, tmp_path
):
    check(target, cfg, called, mm_backbone, record, tmp_path)


CAFFE = dict(type='ResNet', depth=50, style='caffe')
DILATED = dict(type='ResNet', depth=50, dilations=(1, 1, 1, 2))
GROUPED = dict(RESNET, norm_cfg=dict(type='GN', num_groups=4))
LOOSE = dict(RESNET, norm_cfg=dict(type='BN', eps=1e-3))
NARROW_STEM = dict(RESNET, stem_channels=16)
FEW_OUTPUTS = dict(CONVNEXT, out_indices=(0, 1))
HEADLESS = dict(
    type='TIMMBackbone', model_name='convnext_atto', features_only=True
)


@pytest.mark.parametrize(
    ('target', 'cfg', 'why'),
    [
        ('torchvision', CAFFE, "style='caffe'"),
        ('timm', CAFFE, "style='caffe'"),
        ('torchvision', DILATED, 'dilations=(1, 1, 1, 2)'),
        ('detectron2', DILATED, 'dilations=(1, 1, 1, 2)'),
        ('torchvision', GROUPED, "'GN'"),
        ('timm', LOOSE, '0.001'),
        ('torchvision', NARROW_STEM, 'the trained one 16 and 64'),
        ('timm', NARROW_STEM, 'the trained one 16'),
        ('detectron2', dict(RESNET, base_channels=16), 'the trained one 16'),
        ('torchvision', dict(type='ResNetV1d', depth=18), "deep 'stem'"),
        ('torchvision', dict(type='EfficientNet'), 'pads both sides alike'),
        ('timm', dict(type='EfficientNet', arch='es'), 'es'),
        ('timm', dict(type='MobileNetV2', widen_factor=0.6), '0.6'),
        ('detectron2', MOBILENET, 'no network there'),
        ('detectron2', REGNET, 'no network there'),
        ('torchvision', OF_TIMM, 'no network there'),
        ('torchvision', dict(type='Res2Net', depth=50), 'no network there'),
        ('timm', dict(type='SwinTransformer'), 'no network there'),
    ],
    ids=str,
)
def test_what_a_library_lacks_is_one_line(target, cfg, why, record):
    with pytest.raises(UserError) as error:
        targets.plan_of(record(backbone=cfg), target)
    said = str(error.value)
    assert said.startswith(f'--target {target}: {cfg["type"]}: ')
    assert why in said and '; choose --target ' in said and '\n' not in said


@pytest.mark.parametrize(
    ('target', 'cfg', 'why'),
    [
        ('timm', FEW_OUTPUTS, 'lacks 2 tensors, the first is head.norm.bias'),
        ('torchvision', FEW_OUTPUTS, 'the first is classifier.0.bias'),
        ('timm', HEADLESS, 'has head.norm.weight'),
    ],
    ids=str,
)
def test_tensors_that_were_not_trained(target, cfg, why, mm_backbone, record):
    pytest.importorskip('timm')
    with pytest.raises(UserError, match=why):
        targets.export(mm_backbone(**cfg), record(backbone=cfg), target)


@pytest.mark.parametrize('kind', ['MobileNetV2', 'ShuffleNetV2'])
def test_no_file_of_which_nothing_loads(kind, saved, tmp_path):
    """Whatever is written with exit 0 is proven, or the table has it."""
    cfg = MOBILENET if kind == 'MobileNetV2' else dict(type=kind)
    src = saved(cfg)
    for target in plans.FAMILIES:
        name = 'folder' if target == 'hf' else f'{target}.pth'
        dst, options = tmp_path / name, Options(target=target)
        if kind in plans.FAMILIES[target]:
            proof = convert(src, dst, options).export.proof
            assert proof.difference <= 1e-5
            continue
        with pytest.raises(UserError, match=f'{kind}: no network there'):
            convert(src, dst, options)
        assert not dst.exists()


class Swapped(nn.Sequential):
    """Two convolutions of equal shape, in an order of their own."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1))


@pytest.mark.parametrize(
    ('names', 'stages', 'why'),
    [
        (('2', '0'), [('2', '2')], 'computes something else'),
        (('0', '1'), [('2', '2')], 'is another network'),
        (('0', '2'), [('8', '8')], 'no stage of'),
    ],
)
def test_a_wrong_table_writes_nothing(names, stages, why, record, seed):
    """Mistakes of a family's table, of every kind."""
    source = Swapped()

    def renamed(state, _network):
        new = dict(zip(('0', '2'), names, strict=True))
        return {new[k[0]] + k[1:]: value for k, value in state.items()}

    plan = Plan('torchvision', 'Swapped()', Swapped, renamed, stages)
    from cds_mm.checkpoint.exports.proving import exported_state

    with pytest.raises(UserError, match=why):
        exported_state(source, plan, record())
    plan.names, plan.stages = lambda state, _: state, [('2', '2')]
    assert exported_state(source, plan, record())[1].difference == 0


def test_without_the_library_it_is_said(saved, tmp_path, run, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name, *more: None if name == 'timm' else find(name, *more),
    )
    code, out, err = run(
        saved(MOBILENET), tmp_path / 'b.pth', '--target', 'timm'
    )
    assert (code, err) == (0, '')
    (line,) = [one for one in out.splitlines() if 'proven' in one]
    assert line.startswith('NOT proven: timm is not installed here; pip ')
    state = torch.load(tmp_path / 'b.pth', weights_only=True)
    monkeypatch.undo()
    timm = pytest.importorskip('timm')
    network = timm.create_model('mobilenetv2_035', num_classes=0)
    network.load_state_dict(state, strict=True)


def test_the_report_names_the_network(saved, tmp_path, run):
    out = run(saved(MOBILENET), tmp_path / 'b.pth', '--target', 'torchvision')
    network = 'torchvision.models.mobilenet_v2(width_mult=0.35)'
    assert f'proven in {network}: 312 tensors load strictly' in out[1]
    assert f'  network: {network}' in out[1]
    assert 'not proven' not in out[1]


def test_a_stem_that_is_changed_by_hand_is_said(record):
    cfg = dict(type='ResNetNoMaxPool', depth=18)
    for target in ('torchvision', 'timm'):
        plan = targets.plan_of(record(backbone=cfg), target)
        assert plan.settings == ['stem: no max-pool']


@pytest.mark.parametrize(
    ('target', 'name', 'flags', 'why'),
    [
        ('onnx', 'b.pth', [], 'writes .onnx'),
        ('onnx', 'b.onnx', ['--format', 'pth'], '--format does not go with'),
        ('hf', 'b.pth', [], 'writes a folder'),
        ('hf', 'b', ['--publish'], '--publish does not go with'),
    ],
)
def test_names_and_flags_that_do_not_go_together(
    target, name, flags, why, tmp_path, training_file, run
):
    src, _ = training_file()
    code, out, err = run(src, tmp_path / name, '--target', target, *flags)
    assert (code, out) == (1, '')
    assert why in err and err.count('\n') == 1
    assert list(tmp_path.iterdir()) == [src]


@pytest.mark.parametrize(
    'cfg',
    [
        dict(type='TIMMBackbone', model_name='test_vit'),  # of 160 pixels
        dict(type='TIMMBackbone', model_name='test_vit', img_size=64),
        dict(type='TIMMBackbone', model_name='test_resnet', num_classes=7),
    ],
)
def test_timm_networks_of_one_size_or_with_a_head(cfg, mm_backbone, record):
    pytest.importorskip('timm')
    trained = record(backbone=cfg)
    found = targets.export(mm_backbone(**cfg), trained, 'timm')
    assert found.proof.difference <= 1e-5
    assert found.plan.network.count('num_classes') == 1


@pytest.mark.parametrize('target', ['timm', 'onnx'])
def test_a_network_that_takes_no_image_of_three_channels(
    target, mm_backbone, record
):
    pytest.importorskip('timm')
    pytest.importorskip('onnxruntime')
    cfg = dict(type='TIMMBackbone', model_name='test_resnet', in_channels=1)
    with pytest.raises(UserError, match=f'--target {target}: .* takes no'):
        targets.export(mm_backbone(**cfg), record(backbone=cfg), target)
