"""Backbones of either host and of a user are rebuilt; nothing else is."""

import sys
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from refusals import refusal

from cds_mm.branches.geometry import PROBE_SIZES
from cds_mm.checkpoint import Options, check_file, convert, fingerprint
from cds_mm.checkpoint.backbone_types import (
    backbone_type,
    full_name,
    outputs_of,
)
from cds_mm.checkpoint.detector import build_detector
from cds_mm.checkpoint.probe_image import probe_sizes, stage_features
from cds_mm.checkpoint.proof import rows_of
from cds_mm.checkpoint.random_backbone import random_backbone
from cds_mm.checkpoint.record import function_of
from cds_mm.checkpoint.source import build_source
from cds_mm.checkpoint.training_config import plain
from cds_mm.config import named_config
from cds_mm.config.files import modules_of_configs
from cds_mm.hooks.verify_pretrained import _in_words, _side

ALL = [0, 1, 2, 3]
CONVNEXT = dict(
    type='ConvNeXt',
    arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32]),
    gap_before_final_norm=False,
)
SWIN = dict(
    type='SwinTransformer',
    arch=dict(embed_dims=16, depths=[1, 1, 1, 1], num_heads=[1, 2, 4, 8]),
    out_indices=ALL,
)
MOBILENET = dict(type='MobileNetV2', widen_factor=0.1, out_indices=[2, 4, 6])
CSPNEXT = dict(type='mmdet.CSPNeXt', deepen_factor=0.1, widen_factor=0.125)
TIMM = dict(
    type='TIMMBackbone',
    model_name='test_efficientnet',
    features_only=True,
    out_indices=[1, 2, 3, 4],
)


@pytest.fixture
def trained(seed, record, tmp_path):
    """A training checkpoint of any backbone, and the network."""

    def make(backbone, name='epoch_1.pth'):
        kept = record(backbone=backbone)
        network = random_backbone(kept, 'it')
        with torch.no_grad():  # layer scales of 1e-6 hide their block
            for key, value in network.named_parameters():
                if value.dim() == 1 and 'gamma' in key:
                    value.uniform_(0.3, 1)
        state = {f'backbone.{k}': v for k, v in network.state_dict().items()}
        path = tmp_path / name
        meta = dict(cds_mm=kept.to_dict())
        torch.save(dict(state_dict=state, meta=meta), path)
        return path, network

    return make


@pytest.fixture
def other(detector):
    """A detector with exactly this backbone."""

    def make(**backbone):
        cfg = detector()
        cfg.model.backbone = Config(backbone)._cfg_dict
        return cfg

    return make


def edit(path, change):
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


# What a record may name.


@pytest.mark.parametrize(
    'kind',
    [
        'mmdet.FasterRCNN',
        'mmdet.FPN',
        'mmdet.FocalLoss',
        'mmdet.DetDataPreprocessor',
        'mmdet.os.mkdir',
        'mmengine.BaseDataPreprocessor',
        'ImageClassifier',
        'LinearClsHead',
        'CrossEntropyLoss',
        'BN',
        'nowhere.ResNet',
        'torch.nn.Linear',
    ],
)
def test_registered_and_no_backbone(record, kind):
    said = refusal(build_source, record(backbone=dict(type=kind)), 'x')
    assert 'is no backbone of' in said and '--config' in said


@pytest.mark.parametrize(
    'plugin', ['FasterRCNN', 'os.mkdir', 'mmdet.FasterRCNN', 'DetInferencer']
)
def test_layers_of_a_backbone_are_layers(record, plugin):
    inner = dict(cfg=dict(type=plugin), stages=[True] * 4, position='x')
    backbone = dict(type='mmdet.ResNet', depth=18, plugins=[inner])
    said = refusal(build_source, record(backbone=backbone), 'x')
    assert 'is no part of a backbone' in said


def test_a_name_in_an_argument_imports_nothing(record, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'touching.py').write_text('raise SystemExit("imported")')
    backbone = dict(type='TIMMBackbone', model_name='test_resnet')
    for name in ('touching', 'touching.It', 'os.mkdir'):
        hostile = record(backbone=dict(backbone, norm_layer=name))
        assert 'cannot be built' in refusal(build_source, hostile, 'x')
    assert 'touching' not in sys.modules
    assert build_source(record(backbone=dict(backbone, norm_layer='BN')), 'x')


def test_a_layer_that_reads_files_is_none(record, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({}, 'weights.pth')
    layer = dict(type='CLIPGenerator', tokenizer_path='weights.pth')
    said = refusal(
        build_source, record(backbone=CONVNEXT | dict(act_cfg=layer)), 'x'
    )
    assert "type='CLIPGenerator', which is no part of a backbone" in said


def test_layers_of_mmdetection(record):
    block = dict(
        cfg=dict(type='DropBlock', drop_prob=0.1, block_size=3),
        stages=[True] * 4,
        position='after_conv2',
    )
    backbone = dict(type='mmdet.ResNet', depth=50, plugins=[block])
    backbone.update(base_channels=4, stem_channels=4)
    assert build_source(record(backbone=backbone), 'x')


def test_the_scope_is_kept(record):
    for backbone in (
        dict(type='mmdet.MobileNetV2'),
        dict(type='MobileNetV2', _scope_='mmdet'),
    ):
        network = build_source(record(backbone=backbone), 'x')
        assert type(network).__module__.startswith('mmdet.')
    for kind in ('MobileNetV2', 'mmpretrain.MobileNetV2'):
        assert function_of(dict(type=kind))['type'] == 'MobileNetV2'
        network = build_source(record(backbone=dict(type=kind)), 'x')
        assert type(network).__module__.startswith('mmpretrain.')
    from mmdet.models import CSPNeXt

    assert plain(CSPNeXt, 'x') == 'mmdet.CSPNeXt'


def test_outputs_of_a_class():
    assert outputs_of(dict(type='ConvNeXt')) == [-1]
    assert outputs_of(dict(type='mmdet.CSPNeXt')) == [2, 3, 4]
    assert outputs_of(dict(type='mmdet.CSPNeXt', out_indices=(1,))) == [1]
    assert outputs_of(dict(type='HRNet', extra={})) is None
    # Theirs is an argument of the class that they derive from.
    assert outputs_of(dict(type='SEResNet', depth=50)) == [3]
    assert outputs_of(dict(type='mmdet.ResNetV1d', depth=50)) == [0, 1, 2, 3]
    assert outputs_of(dict(type='Nothing', out_indices=(2,))) == [2]


OWN = """
from mmengine.model import BaseModel
from mmpretrain.registry import MODELS
from torch import nn

@MODELS.register_module()
class {name}Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layer = nn.Conv2d(3, width, 3, 2)

    def forward(self, x):
        return (self.layer(x),)

@MODELS.register_module()
class {name}Detector(BaseModel):
    def forward(self, *args):
        pass
"""


def test_a_class_that_the_training_config_imports(
    trained, record, tmp_path, monkeypatch, mm_config, run
):
    monkeypatch.syspath_prepend(tmp_path)
    name = f'Own{tmp_path.name}'.replace('-', '_').replace('_', '')
    module = name.lower()
    (tmp_path / f'{module}.py').write_text(OWN.format(name=name))
    backbone = dict(type=f'{name}Net', width=5)
    src = tmp_path / 'epoch_1.pth'
    values = record(backbone=backbone).to_dict()
    state = {
        'backbone.layer.weight': torch.randn(5, 3, 3, 3),
        'backbone.layer.bias': torch.randn(5),
    }
    torch.save(dict(state_dict=state, meta=dict(cds_mm=values)), src)
    code, _, err = run(src, tmp_path / 'b.pth')
    assert code == 1 and 'custom_imports' in err
    assert module not in sys.modules  # no record imports anything
    __import__(module)
    code, _, err = run(src, tmp_path / 'b.pth')
    assert code == 1 and 'custom_imports' in err
    cfg = mm_config()
    cfg.model.backbone = backbone
    cfg.custom_imports = dict(imports=[module])
    cfg.dump(tmp_path / 'training.py')
    config = ['--config', tmp_path / 'training.py']
    code, out, err = run(src, tmp_path / 'b.pth', *config)
    assert (code, err) == (0, '') and f'of {name}Net' in out
    assert backbone_type(f'{name}Detector') is None


# Which stages come out.


def test_an_output_that_the_detector_does_not_take(trained, other, tmp_path):
    src, network = trained(dict(CONVNEXT, out_indices=ALL))
    cfg = other(**{**CONVNEXT, 'type': 'mmpretrain.ConvNeXt'})
    cfg.model.backbone.out_indices = [1, 2, 3]
    result = convert(src, tmp_path / 'b.pth', Options(detector=cfg))
    for proof in (result.proof, check_file(result.path, cfg)):
        gaps = {part: gap for part, *_, gap in proof.rows if gap is not None}
        assert [*gaps] == ['stage2', 'stage3', 'stage4']
        assert '2 tensors are of outputs' in ''.join(proof.notes)
        assert 'norm0.weight' in ''.join(proof.notes)
    written = torch.load(result.path, weights_only=True)['state_dict']
    assert written.keys() == network.state_dict().keys()
    # A tensor that is left over for another reason is no output's.
    edit(result.path, lambda c: c['state_dict'].update(x=torch.ones(1)))
    said = refusal(check_file, result.path, cfg)
    assert '1 tensors have no place' in said and 'the first is x' in said


def test_an_output_that_was_not_trained(trained, other, tmp_path):
    src, _ = trained(dict(CONVNEXT, out_indices=[2, 3]))
    cfg = other(**{**CONVNEXT, 'type': 'mmpretrain.ConvNeXt'})
    cfg.model.backbone.out_indices = ALL
    options = Options(detector=cfg)
    said = refusal(convert, src, tmp_path / 'b.pth', options)
    assert said.startswith('out_indices: the backbone was trained with (2, 3)')
    assert '4 tensors of its outputs were not trained' in said
    cfg.model.backbone.out_indices = [2, 3]  # as it says
    assert convert(src, tmp_path / 'b.pth', options).proof.of_features


def test_stages_of_timm_are_compared_by_their_number(trained, other, tmp_path):
    src, network = trained(TIMM)
    cfg = other(**{**TIMM, 'type': 'mmpretrain.TIMMBackbone'})
    cfg.model.backbone.out_indices = [2, 3, 4]
    result = convert(src, tmp_path / 'b.pth', Options(detector=cfg))
    rows = [part for part, *_, gap in result.proof.rows if gap is not None]
    assert rows == ['stage3', 'stage4', 'stage5']
    assert [*result.record.fingerprint['stages']] == ['1', '2', '3', '4']
    check_file(result.path, cfg)

    def by_place(content):  # as they were numbered before
        values = content['meta']['cds_mm']['fingerprint']
        stages = values['stages'].values()
        values['stages'] = {str(n): one for n, one in enumerate(stages)}

    edit(result.path, by_place)
    proof = check_file(result.path, cfg)
    assert [part for part, *_ in proof.rows][1:] == rows
    negative = dict(TIMM, out_indices=[-2, -1])
    found = stage_features(trained(negative)[1], torch.ones(1, 3, 64, 64))
    assert [*found] == [3, 4]


def test_another_network_of_timm(trained, other, tmp_path):
    src, _ = trained(TIMM)
    cfg = other(**{**TIMM, 'type': 'mmpretrain.TIMMBackbone'})
    cfg.model.backbone.model_name = 'test_resnet'
    options = Options(detector=cfg)
    said = refusal(convert, src, tmp_path / 'b.pth', options)
    assert "model_name='test_efficientnet'" in said
    assert 'another stem' not in said


def test_another_width(trained, other, tmp_path):
    src, _ = trained(MOBILENET)
    cfg = other(**{**MOBILENET, 'type': 'mmpretrain.MobileNetV2'})
    cfg.model.backbone.widen_factor = 0.25
    options = Options(detector=cfg)
    said = refusal(convert, src, tmp_path / 'b.pth', options)
    assert 'set model.backbone.widen_factor=0.1' in said


# What size of image they take.


def test_windows_that_are_larger_than_a_map(trained, other, tmp_path):
    src, _ = trained(SWIN)
    cfg = other(**{**SWIN, 'type': 'mmpretrain.SwinTransformer'})
    result = convert(src, tmp_path / 'b.pth', Options(detector=cfg))
    assert result.record.fingerprint['size'] == 224
    check_file(result.path, cfg)
    cfg.model.data_preprocessor.mean = [1.0, 2.0, 3.0]
    assert 'mean' in refusal(check_file, result.path, cfg)

    def other_size(content):
        content['meta']['cds_mm']['fingerprint']['size'] = 100_000

    cfg.model.data_preprocessor.mean = result.record.mean
    edit(result.path, other_size)
    assert 'damaged' in refusal(check_file, result.path, cfg)


def test_only_the_detector_wants_a_larger_image(trained, other, tmp_path):
    src, _ = trained(dict(SWIN, pad_small_map=True))
    cfg = other(**{**SWIN, 'type': 'mmpretrain.SwinTransformer'})
    result = convert(src, tmp_path / 'b.pth', Options(detector=cfg))
    assert 'size' not in result.record.fingerprint
    proof = check_file(result.path, cfg)
    assert proof.of_features

    def scaled(content):
        content['state_dict']['stages.0.blocks.0.ffn.layers.1.weight'] *= 2

    edit(result.path, scaled)
    assert 'not those of which' in refusal(check_file, result.path, cfg)


def test_an_image_of_one_size(record, seed):
    backbone = dict(
        type='TIMMBackbone',
        model_name='swin_tiny_patch4_window7_224',
        features_only=True,
        img_size=96,
        embed_dim=16,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 4, 8],
    )
    kept = record(backbone=backbone)
    found = fingerprint(random_backbone(kept, 'it'), kept)
    assert found['size'] == 96
    usual = record(backbone=dict(MOBILENET))
    # What a training has measured, the converter can compare.
    assert set(PROBE_SIZES) <= set(probe_sizes(usual))
    assert 'size' not in fingerprint(random_backbone(usual, 'it'), usual)


# Names of the other host.


@pytest.mark.parametrize(
    'ours, theirs',
    [('MobileNetV2', 'MobileNetV2'), ('mmdet.MobileNetV2', 'mmpretrain.')],
)
def test_the_names_of_the_detectors_class(
    trained, other, tmp_path, ours, theirs
):
    backbone = dict(MOBILENET, type=ours)
    src, network = trained(backbone)
    kind = theirs if theirs[-1] != '.' else f'{theirs}MobileNetV2'
    cfg = other(**{**MOBILENET, 'type': kind})
    result = convert(src, tmp_path / 'b.pth', Options(detector=cfg))
    assert result.proof.of_features
    assert any('written under the names of' in one for one in result.notes)
    assert result.record.trained_as == ours
    twin = build_source(result.record, 'x')
    assert type(twin) is not type(network)
    written = torch.load(result.path, weights_only=True)['state_dict']
    assert written.keys() == twin.state_dict().keys()
    twin.load_state_dict(written, strict=True)
    inputs = torch.randn(1, 3, 64, 64)
    network.eval()
    with torch.no_grad():
        for expected, found in zip(network(inputs), twin(inputs), strict=True):
            assert torch.allclose(expected, found, atol=1e-5)
    check_file(result.path, cfg)
    again = convert(result.path, tmp_path / 'c.pth', Options(detector=cfg))
    assert again.record.trained_as == ours
    assert again.record.backbone == result.record.backbone
    back = other(**dict(MOBILENET, type=full_name(ours)))
    found = convert(result.path, tmp_path / 'd.pth', Options(detector=back))
    assert found.record.trained_as == ours
    assert any(f'the {ours} that was trained' in one for one in found.notes)


def test_a_library_has_names_of_its_own(trained, other, tmp_path):
    backbone = dict(MOBILENET, widen_factor=0.35)
    src, _ = trained(backbone)
    options = Options(detector=other(**backbone), target='torchvision')
    result = convert(src, tmp_path / 'b.pth', options)
    assert result.proof.of_features and result.export.proof.difference <= 1e-5
    assert result.record.backbone == backbone
    options.target = 'mmdet'
    convert(src, tmp_path / 'c.pth', options)
    options = Options(target='torchvision')
    said = refusal(convert, tmp_path / 'c.pth', tmp_path / 'd.pth', options)
    assert 'names of mmdet.MobileNetV2; convert the training' in said


def test_without_a_detector_names_stay(trained, other, tmp_path):
    src, network = trained(MOBILENET)
    result = convert(src, tmp_path / 'b.pth')
    written = torch.load(result.path, weights_only=True)['state_dict']
    assert written.keys() == network.state_dict().keys()
    cfg = other(**MOBILENET)
    said = refusal(check_file, result.path, cfg)
    assert said.startswith('tensor names: ') and '--detector' in said
    # As it says: again, with the detector.
    options = Options(detector=cfg)
    assert convert(src, tmp_path / 'c.pth', options).proof.of_features


def test_a_class_that_loads_in_its_own_way(trained, other, tmp_path):
    backbone = dict(
        type='mmdet.HourglassNet',
        downsample_times=2,
        num_stacks=1,
        stage_channels=[8, 8, 16],
        stage_blocks=[1, 1, 1],
        feat_channel=8,
    )
    src, _ = trained(backbone)
    options = Options(detector=other(**backbone))
    said = refusal(convert, src, tmp_path / 'b.pth', options)
    assert 'reads the file of its init_cfg in a way of its own' in said
    assert 'init_cfg is not allowed' in said
    assert not (tmp_path / 'b.pth').exists()


def test_rows_of_other_networks():
    one = torch.ones(2)
    layers = {f'layer{n}.x': one for n in (0, 1, 2)}
    rows = rows_of({**layers, 'conv1.x': one}, {0: 0.0, 2: 0.5, 3: 0.25})
    assert rows == [
        ('layer0', 1, 2, 0.0),
        ('layer1', 1, 2, None),
        ('layer2', 1, 2, 0.5),
        ('stem', 1, 2, None),
        ('stage4', 0, 0, 0.25),
    ]
    assert rows_of({'layer1.x': one, 'y': one}, {0: 0.0}) == [
        ('network', 2, 4, None),
        ('stage1', 0, 0, 0.0),
    ]


def test_the_hook_names_the_stages(trained, other, tmp_path):
    src, _ = trained(CSPNEXT)
    cfg = other(**CSPNEXT)
    proof = convert(src, tmp_path / 'b.pth', Options(detector=cfg)).proof
    assert '(stages 1, 2, 3, 4, 5, largest' in _in_words(proof)


def test_what_configs_import_is_noted(detector):
    named_config(dict(custom_imports=dict(imports='some.module')))
    cfg = detector()
    side = build_detector(cfg)
    cfg.custom_imports = dict(imports=['one.of.a.run'])
    model = torch.nn.Module()
    model.backbone, model.data_preprocessor = side.backbone, side.preprocessor
    _side(SimpleNamespace(cfg=cfg, model=model))
    assert {'some.module', 'one.of.a.run'} <= {*modules_of_configs()}
