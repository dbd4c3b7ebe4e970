"""No command line and no place of a config runs code from a checkpoint."""

import shutil
from pathlib import Path

import pytest
import torch
from command_lines import CONFIG, tiny
from hostile_pickles import in_log_buffer, in_meta, saved
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

import cds_mm.registration  # noqa: F401
from cds_mm.checkpoint import read_checkpoint
from cds_mm.errors import UserError

COMMANDS = {
    'load_from': ['train', CONFIG, '{tiny}', 'load_from={file}'],
    'backbone.init_cfg': [
        'train',
        CONFIG,
        '{tiny}',
        'model.backbone.init_cfg.type=Pretrained',
        'model.backbone.init_cfg.checkpoint={file}',
    ],
    'resume': ['train', CONFIG, '--resume', '{file}', '{tiny}'],
    'resume=True': ['train', CONFIG, '{tiny}', 'resume=True'],
    'test, odd path': ['test', CONFIG, '{odd}', '{tiny}'],
    'probe_stages': ['probe_stages', CONFIG, '{file}', '{tiny}'],
    'reliability': ['reliability_diagram', CONFIG, '{file}', '{tiny}'],
    'teacher': [
        'train',
        CONFIG,
        '{tiny}',
        'model.teacher.type=Teacher',
        f'model.teacher.config={CONFIG}',
        'model.teacher.checkpoint={file}',
    ],
    'convert': ['convert_backbone', '{file}', '{out}/bb.pth'],
    'check': [
        'convert_backbone',
        '--check',
        '{file}',
        '--detector',
        'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py',
    ],
}


@pytest.mark.parametrize('route', COMMANDS)
def test_commands(route, command, folder, tmp_path):
    marker, file = tmp_path / 'ran', tmp_path / 'work' / 'epoch_1.pth'
    file.parent.mkdir()
    # With a name that torch's own list lacks as well, which made the host
    # read it without any list.
    content = in_log_buffer(marker)
    content['best'] = in_meta(marker)
    file.write_bytes(saved(content))
    (file.parent / 'last_checkpoint').write_text(str(file))
    odd = tmp_path / 'x:'
    odd.mkdir()
    shutil.copy(file, odd / 'e.pth')
    places = dict(file=file, odd=f'{odd}//e.pth', out=tmp_path)
    argv = []
    for argument in COMMANDS[route]:
        if argument == '{tiny}':
            argv += tiny(folder, work_dir=file.parent)
        else:
            argv.append(argument.format(**places))
    result = command(*argv)
    assert not marker.exists()
    assert result.error.count('would run') == 1, result.error
    assert '--rewrite' in result.error and not (tmp_path / 'bb.pth').exists()


def small(**changes):
    """A classifier, with a checkpoint named at one place of its config."""
    return dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet', depth=18, base_channels=8),
        neck=dict(type='LinearNeck', in_channels=64, out_channels=64),
        head=dict(type='LinearClsHead', num_classes=2, in_channels=64),
        **changes,
    )


@pytest.mark.parametrize(
    'place', ['model', 'backbone', 'neck', 'head', 'pretrained', 'odd path']
)
def test_every_depth_of_a_config(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    marker, file = tmp_path / 'ran', 'x://e.pth'
    Path('x:').mkdir()
    Path(file).write_bytes(saved(in_meta(marker)))
    init = dict(type='Pretrained', checkpoint=file)
    config = small()
    if place == 'pretrained':
        config['pretrained'] = file
    elif place in ('model', 'odd path'):
        config['init_cfg'] = init
    else:
        config[place]['init_cfg'] = init
    with (
        DefaultScope.overwrite_default_scope('mmpretrain'),
        pytest.raises(UserError, match='system'),
    ):
        network = MODELS.build(config)
        network.init_weights()
    assert not marker.exists()


def test_the_way_out_of_a_refusal_works(command, folder, tmp_path):
    """What the message says, followed for a file that is trusted."""
    marker, file = tmp_path / 'ran', tmp_path / 'foreign.pth'
    config = Config.fromfile(CONFIG)
    config.model.backbone.base_channels = 8
    config.model.head.update(in_channels=64, num_classes=4)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        network = MODELS.build(config.model)
    content = dict(state_dict=network.state_dict(), args=in_meta(marker))
    torch.save(content, file)
    options = tiny(folder, work_dir=tmp_path / 'b')
    error = command('test', CONFIG, file, *options).error
    assert 'convert_backbone.py' in error and '--rewrite' in error
    assert not marker.exists()
    plain = tmp_path / 'plain.pth'
    out = command('convert_backbone', file, plain, '--rewrite').fine().out
    assert marker.exists()  # it was trusted
    assert out.startswith(f'wrote {plain}: ')
    opened = read_checkpoint(plain)['state_dict']
    assert opened.keys() == content['state_dict'].keys()
    assert all(
        torch.equal(opened[key], value)
        for key, value in content['state_dict'].items()
    )
    torch.load(plain, weights_only=True)
    command('test', CONFIG, plain, *options).fine()
