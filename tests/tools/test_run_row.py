"""Filling a row from the command line."""

import json
import re
import shutil

import pytest
import torch
from command_lines import tiny


def row(folder, work_dir, *methods, epochs=1):
    return [
        'run_row',
        '--methods',
        *methods,
        '--model=r18',
        '--data=cifar10_folder',
        '--work-dir',
        work_dir,
        *tiny(folder, epochs),
        'auto_scale_lr.base_batch_size=8',
    ]


@pytest.fixture(scope='module')
def filled(command, folder, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('rows')
    done = command(*row(folder, work_dir, 'baseline'))
    return work_dir, done.fine()


def test_a_row_is_run_and_written(filled):
    work_dir, done = filled
    assert '1 runs, 0 of them finished before' in done.out
    assert '[1/1] configs/cifar10/baseline_r18_cifar10_folder.py' in done.out
    (path,) = work_dir.glob('published/*/seed0/result.json')
    result = json.loads(path.read_text())
    assert result['name'] == 'baseline_r18_cifar10_folder'
    assert (result['epochs'], result['views_of_each_image']) == (1, 1)
    assert 0 <= result['last'] <= 100
    assert result['wall_seconds'] > 0
    assert len(result['config_sha256']) == 64
    (machine,) = result['machines']
    assert 'threads a process, 1 runs at a time' in machine
    assert len(result['commits']) == 1
    table = (work_dir / 'published/r18_cifar10_folder_baseline.md').read_text()
    assert 'But with `model.backbone.base_channels=8' in table
    assert table in done.out
    assert f'| {result["last"]:.1f} |' in table


def test_what_is_finished_is_not_run_again(filled, command, folder):
    work_dir, _ = filled
    (path,) = work_dir.glob('published/*/seed0/result.json')
    before = path.stat().st_mtime_ns
    again = command(*row(folder, work_dir, 'baseline')).fine()
    assert '1 runs, 1 of them finished before' in again.out
    assert path.stat().st_mtime_ns == before
    listed = command(*row(folder, work_dir, 'baseline'), '--dry-run').fine()
    assert listed.out.split()[-1] == 'finished'


def test_cut_off_before_its_last_validation(filled, command, folder, tmp_path):
    # What is cut off is a copy: other tests look at the whole.
    work_dir = shutil.copytree(filled[0], tmp_path / 'rows')
    (path,) = work_dir.glob('published/*/seed0/result.json')
    result = json.loads(path.read_text())
    # All epochs are trained, but there is no score of the last one.
    path.unlink()
    (log,) = path.parent.glob('*/vis_data/scalars.json')
    lines = log.read_text().splitlines()
    kept = [line for line in lines if 'accuracy' not in line]
    assert len(kept) == len(lines) - 1
    log.write_text('\n'.join(kept))
    command(*row(folder, work_dir, 'baseline')).fine()
    again = json.loads(path.read_text())
    assert again['last'] == result['last']
    assert again['curve'] == [[1, result['last']]]


@pytest.mark.slow
def test_a_run_that_fails_is_named(command, folder, tmp_path):
    argv = row(folder, tmp_path, 'baseline')
    failed = command(*argv, 'model.head.num_classes=2')
    assert 'baseline_r18_cifar10_folder.py, seed 0' in failed.error
    assert 'run.log' in failed.error
    assert 'classes' in failed.error, 'it says why'
    assert not list(tmp_path.rglob('*.md'))
    (log,) = tmp_path.rglob('run.log')
    assert 'error: ' in log.read_text()
    assert not list(tmp_path.rglob('result.json'))


def test_a_config_that_is_not_there(command, folder, tmp_path):
    failed = command(*row(folder, tmp_path, 'supcon'))
    assert 'supcon_r18_cifar10_folder: there is no such config' in failed.error


@pytest.mark.slow
def test_a_student_comes_after_those_it_learns_from(command, folder, tmp_path):
    done = command(*row(folder, tmp_path, 'sskd')).fine()
    begun = re.findall(r'/([^/\s]+)\.py, seed 0 \.\.\.', done.out)
    assert begun == [
        'baseline_r18_cifar10_folder',
        'sskd-teacher_r18_cifar10_folder_60e',
        'sskd_r18_cifar10_folder',
    ]
    folders = {
        path.parts[-3].split('_')[0]: path.parent
        for path in tmp_path.glob('published/*/seed0/result.json')
    }
    built_on = {
        name: json.loads((path / 'result.json').read_text())['builds_on']
        for name, path in folders.items()
    }
    last = {name: str(path / 'epoch_1.pth') for name, path in folders.items()}
    assert built_on == {
        'baseline': [],
        'sskd-teacher': [last['baseline']],
        'sskd': [last['sskd-teacher']],
    }
    states = {
        name: torch.load(path, weights_only=False)['state_dict']
        for name, path in last.items()
    }
    # The first stage changes nothing of the network; the student is its own.
    for key, tensor in states['baseline'].items():
        assert torch.equal(states['sskd-teacher'][key], tensor), key
    plain = {k for k in states['sskd'] if not k.startswith('branches.')}
    assert plain == states['baseline'].keys()
    assert any('branches.' in key for key in states['sskd-teacher'])
    log = (folders['sskd'] / 'run.log').read_text()
    assert "teacher's rotations x 10 on all branches" in log
    assert 'teacher.seconds: 0.' in log
