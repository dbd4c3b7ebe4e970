"""One batch is tried before a run, which is the same run all the same."""

import shutil

import cv2
import numpy as np
import pytest
import torch
from command_lines import CONFIG, tiny, with_memory_banks
from test_two_stages import NARROW, SMALL_BYOL

from cds_mm.commands.train import parse_args
from cds_mm.config import load_config
from cds_mm.engine.build import build_runner, build_training
from cds_mm.engine.plan import plan_training
from cds_mm.testing import CONFIGS, shrink

BYOL = CONFIGS / 'representation/byol_r18_cifar100_pretrain-1000e.py'


@pytest.fixture
def no_layout(monkeypatch):
    """A config is laid out at each checkpoint, longer than all else takes."""
    monkeypatch.setattr(
        'yapf.yapflib.yapf_api.FormatCode', lambda code, **_: (code, True)
    )


@pytest.fixture
def arguments(request, folder, tmp_path):
    """The command line of a tiny run of a method."""

    def make(method):
        if method == 'detector':
            return [request.getfixturevalue('detector_config')]
        if method == 'byol':
            cfg = load_config(str(BYOL))
            cfg = shrink(cfg, folder / 'train', image_size=32, batch_size=8)
            cfg.merge_from_dict(NARROW | SMALL_BYOL)
            cfg.dump(tmp_path / 'byol.py')
            return [tmp_path / 'byol.py']
        more = {}
        if method == 'crd':
            more = with_memory_banks(tmp_path)
        return [CONFIG, *tiny(folder, **more)]

    return make


def weights_after_an_epoch(argv, work_dir, trial):
    argv = [*argv, '--work-dir', work_dir, '--no-validate']
    cfg = plan_training(parse_args([str(word) for word in argv])).config
    cfg.train_cfg.max_epochs = 1
    cfg.randomness = dict(seed=3)
    assert any(hook['type'] == 'TrialStepHook' for hook in cfg.custom_hooks)
    # What it draws must be put back also where nothing seeds each step.
    without = ['StepSeedHook'] if trial else ['StepSeedHook', 'TrialStepHook']
    cfg.custom_hooks = [h for h in cfg.custom_hooks if h.type not in without]
    cfg.experiment_name = str(work_dir)
    runner = build_runner(cfg)
    build_training(runner, cfg)
    model = runner.train()
    return {
        **model.state_dict(),
        **dict(model.named_buffers()),
        'draw': torch.rand(1),
        'numpy': torch.tensor(np.random.rand()),
    }


@pytest.mark.parametrize('method', ['cds', 'crd', 'byol', 'detector'])
def test_the_weights_are_the_same_with_and_without(
    arguments, method, tmp_path, no_layout
):
    argv = arguments(method)
    with_it, without = (
        weights_after_an_epoch(argv, tmp_path / str(trial), trial)
        for trial in (True, False)
    )
    assert with_it.keys() == without.keys()
    assert any('bank' in key for key in without) == (method == 'crd')
    for name, tensor in without.items():
        assert torch.equal(tensor, with_it[name]), name


@pytest.fixture
def train(command, folder, tmp_path):
    def run(data=folder, **settings):
        argv = [CONFIG, '--work-dir', tmp_path / 'work']
        return command('train', *argv, *tiny(data, **settings))

    return run


def test_a_window_larger_than_its_map(command, folder, tmp_path):
    path = tmp_path / 'swin.py'
    path.write_text(
        f'_base_ = {CONFIG!r}\n'
        'model = dict(\n'
        "    backbone=dict(_delete_=True, type='SwinTransformer',\n"
        '        img_size=32, arch=dict(embed_dims=24, depths=[1, 1, 1, 1],\n'
        '        num_heads=[1, 2, 4, 8]), out_indices=(0, 1, 2, 3)),\n'
        '    head=dict(in_channels=192))\n'
    )
    options = tiny(folder, model__head__in_channels=192)
    options = [o for o in options if 'base_channels' not in o]
    argv = [path, '--work-dir', tmp_path / 'work', *options]
    error = command('train', *argv).error
    assert 'in model.backbone.stages.1.blocks.0.attn' in error
    assert 'pad_small_map=True' in error
    command('train', *argv, 'model.backbone.pad_small_map=True').fine()


@pytest.mark.slow
def test_a_batch_of_one_is_tried_as_one(train):
    """BatchNorm over one value would fail in two images' place."""
    train(train_dataloader__batch_size=1).fine()


@pytest.mark.parametrize(
    'workers', [pytest.param(0, marks=pytest.mark.slow), 1]
)
def test_an_image_of_another_size_is_named(train, folder, tmp_path, workers):
    data = shutil.copytree(folder, tmp_path / 'data')
    odd = data / 'train' / 'c' / '005.jpg'
    cv2.imwrite(str(odd), np.zeros((5, 9, 3), np.uint8))
    error = train(data, train_dataloader__num_workers=workers).error
    assert f'{odd}: the pipeline makes 13x17 pixels of it' in error
    assert 'the file has 5x9' in error and 'put a Resize before' in error
    odd.unlink()
    odd = data / 'test' / 'c' / '001.jpg'
    cv2.imwrite(str(odd), np.zeros((9, 5, 3), np.uint8))
    assert f'{odd}: the pipeline makes 9x5' in train(data).error


def test_a_path_with_spaces(train, folder, tmp_path):
    data = shutil.copytree(folder, tmp_path / 'my own  images (1)')
    train(data).fine()
    error = train(f'{data} 2').error
    assert f'{data} 2/train: no such folder' in error


def test_names_with_line_breaks(train, folder, tmp_path):
    data = shutil.copytree(folder, tmp_path / 'data')
    broken = data / 'train' / 'a' / 'odd\nname.jpg'
    broken.write_bytes((data / 'train/a/000.jpg').read_bytes()[:200])
    error = train(data, train_dataloader__num_workers=1).error
    assert r'odd\nname.jpg: not a whole image' in error
    assert "set on_error='skip'" in error


def test_links_in_a_circle(train, folder, tmp_path):
    data = shutil.copytree(folder, tmp_path / 'data')
    (data / 'train' / 'b' / 'above').symlink_to('..')
    itself = data / 'train' / 'b' / 'itself.jpg'
    itself.symlink_to(itself)
    error = train(data).error
    assert f'{itself}: ' in error and 'remove the link' in error
    itself.unlink()
    out = train(data).fine().out
    assert (
        'train: 1 of 33 files were left out: 1 broken links (b/above)' in out
    )
