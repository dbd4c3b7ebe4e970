"""The record is plain, truthful, and cannot make anything run."""

import json
from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from mmengine.config import Config

from cds_mm.checkpoint import BackboneRecord, record_from_config
from cds_mm.checkpoint.record import recorded
from cds_mm.checkpoint.source import build_source
from cds_mm.checkpoint.training_config import plain
from cds_mm.config import named_config
from cds_mm.errors import UserError


def test_from_a_config_of_this_project(mm_config):
    record = record_from_config(mm_config())
    values = record.to_dict()
    assert json.loads(json.dumps(values)) == values
    assert record.backbone['depth'] == 18
    assert record.channel_order == 'rgb'
    assert record.mean == [123.675, 116.28, 103.53]


def test_the_method_is_not_a_name_of_ones_own(mm_config, tmp_path):
    for name, method in {
        'cds_r18_birds': 'cds',
        'my_birds': 'cds + ce',
        'resnet18_8xb32_in1k': 'unknown',
    }.items():
        cfg = mm_config()
        if name == 'my_birds':
            cfg.model.supervisions = dict(ce={}, cds={})
        path = tmp_path / f'{name}.py'
        cfg.dump(path)
        assert record_from_config(Config.fromfile(path)).method == method


@pytest.mark.parametrize('loader', ['LoadImageFromFile', 'LoadRGBImage'])
@pytest.mark.parametrize('to_rgb', [True, False])
def test_order(mm_config, loader, to_rgb):
    cfg = mm_config(loader, to_rgb=to_rgb)
    starts_rgb = loader == 'LoadRGBImage'
    expected = 'rgb' if starts_rgb != to_rgb else 'bgr'
    assert record_from_config(cfg).channel_order == expected


@pytest.mark.parametrize(
    ('name', 'order', 'kind'),
    [
        ('resnet/resnet18_8xb32_in1k.py', 'rgb', 'ResNet'),
        ('resnet/resnet18_8xb16_cifar10.py', 'rgb', 'ResNet_CIFAR'),
        ('byol/byol_resnet50_16xb256-coslr-200e_in1k.py', 'rgb', 'ResNet'),
    ],
)
def test_plain_configs_of_mmpretrain(name, order, kind):
    record = record_from_config(named_config(f'mmpretrain::{name}')[0])
    assert record.channel_order == order
    assert record.backbone['type'] == kind


def test_the_built_module_knows_better(mm_config):
    from mmpretrain.models import ClsDataPreprocessor

    mean, std = [1.25, 2.5, 3.1], [4.0, 57.12, 6.0]
    module = ClsDataPreprocessor(mean=mean, std=std, to_rgb=True)
    record = record_from_config(mm_config(), module)
    assert (record.mean, record.std) == (mean, std)
    assert record.channel_order == 'bgr'


def test_no_normalisation(mm_config):
    record = record_from_config(mm_config(mean=None, std=None))
    assert (record.mean, record.std) == ([0, 0, 0], [1, 1, 1])


def test_only_plain_values():
    assert plain({'a': (1, [2.5, None])}, 'x') == {'a': [1, [2.5, None]]}
    assert plain(torch.nn.Linear, 'x') == 'Linear'
    with pytest.raises(UserError, match=r'x\.a: a Tensor'):
        plain({'a': torch.ones(1)}, 'x')


def test_without_backbone():
    with pytest.raises(UserError, match='no model.backbone'):
        record_from_config({'model': {'type': 'X'}})


def test_damaged_records(record):
    good = record()
    values = good.to_dict()
    assert recorded({'meta': {'cds_mm': values}}, 'x') == good
    assert recorded({'meta': {}}, 'x') is None
    assert recorded({'state_dict': {}}, 'x') is None
    for changes in (
        {'format': 2},
        {'mean': 'abc'},
        {'mean': [1, 2]},
        {'mean': [1.0, 2.0, '3']},
        {'std': [1.0, 0.0, 1.0]},
        {'channel_order': 'gbr'},
        {'backbone': 'ResNet'},
    ):
        with pytest.raises(UserError):
            recorded({'meta': {'cds_mm': {**values, **changes}}}, 'x')
    with pytest.raises(UserError):
        recorded({'meta': {'cds_mm': 'text'}}, 'x')


def test_keys_of_a_file(mm_config, record):
    required = ['format', 'backbone', 'channel_order', 'mean', 'std']
    assert list(record(method=None).to_dict()) == required
    made = record_from_config(mm_config(loader='LoadSomeImage')).to_dict()
    assert list(made) == [*required, 'config', 'method', 'cds_mm']
    assert made['format'] == 1
    assert made['channel_order'] is None


def test_a_record_of_a_file_is_written_as_it_was_read(record):
    values = {
        'later': [1, None],
        **dict(reversed(record().to_dict().items())),
        'config': None,
        'extra': 5,
        'keys': 7,
    }
    read = BackboneRecord.from_dict(values, 'x')
    assert list(read.to_dict().items()) == list(values.items())
    changed = replace(read, weights='raw', channel_order='bgr')
    expected = {**values, 'channel_order': 'bgr', 'weights': 'raw'}
    assert list(changed.to_dict().items()) == list(expected.items())
    assert list(read.to_dict().items()) == list(values.items())
    with pytest.raises(FrozenInstanceError):
        read.weights = 'raw'
    values.pop('channel_order')
    read = BackboneRecord.from_dict(values, 'x')
    assert read.channel_order is None
    assert read.to_dict() == values


ATTACKS = [
    {'type': 'os.system', 'command': 'touch TOUCHED'},
    {'type': 'os.mkdir', 'path': 'TOUCHED'},
    {'type': 'subprocess.call', 'args': ['touch', 'TOUCHED']},
    {'type': 'mmpretrain.os.mkdir', 'path': 'TOUCHED'},
    {'type': 'antigravity'},
    {'type': 'TIMMBackbone', 'model_name': 'hf-hub:TOUCHED/x'},
    {'type': 'TIMMBackbone', 'model_name': 'local-dir:TOUCHED'},
    {'type': 'CIFAR10', 'data_root': 'TOUCHED'},
    {
        'type': 'ResNet',
        'depth': 18,
        'norm_cfg': {'type': 'os.mkdir', 'path': 'TOUCHED'},
    },
    {
        'type': 'ResNet',
        'depth': 18,
        'conv_cfg': [{'x': {'type': 'pathlib.Path'}}],
    },
    {
        'type': 'ResNet',
        'depth': 18,
        'norm_cfg': {'type': 'BN', 'init_cfg': {'checkpoint': 'TOUCHED'}},
    },
    {'type': 'ImageClassifier', 'backbone': {'type': 'ResNet', 'depth': 18}},
    {
        'type': 'TIMMBackbone',
        'model_name': 'resnet18',
        'checkpoint_path': 'TOUCHED',
    },
    {'type': ['ResNet'], 'depth': 18},
    {'depth': 18},
]


@pytest.mark.parametrize('backbone', ATTACKS, ids=str)
def test_a_record_runs_nothing(tmp_path, monkeypatch, record, backbone):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match='x: its record') as caught:
        build_source(record(backbone=backbone), 'x')
    assert '\n' not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_those_attacks_work_on_the_registry(tmp_path, monkeypatch):
    from mmpretrain.registry import MODELS

    monkeypatch.chdir(tmp_path)
    # What it made is no module; by then it has run.
    MODELS.build({'type': 'os.mkdir', 'path': 'TOUCHED'})
    assert (tmp_path / 'TOUCHED').exists()


def test_wrong_arguments_are_one_line(record):
    backbone = {'type': 'ResNet', 'depth': 18, 'colour': 'red'}
    with pytest.raises(UserError, match='cannot be built.*colour'):
        build_source(record(backbone=backbone), 'x')


def test_training_arguments_do_not_matter(record):
    backbone = {
        'type': 'mmpretrain.ResNet',
        'depth': 18,
        'frozen_stages': 4,
        'norm_cfg': {'type': 'SyncBN'},
        'init_cfg': {'type': 'Pretrained', 'checkpoint': 'nowhere.pth'},
    }
    source = build_source(record(backbone=backbone), 'x')
    assert type(source.bn1) is torch.nn.BatchNorm2d
