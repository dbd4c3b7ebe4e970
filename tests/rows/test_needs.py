"""Runs that build on other runs: teachers and first stages."""

import json

import pytest

from cds_mm.rows import Cell, Scale, load_scale, plan_runs, write_table
from cds_mm.rows.needs import named_runs
from cds_mm.rows.work import _missing


def cell(method, variant=''):
    return Cell(method, 'r18', 'cifar10_folder', variant)


def names(runs):
    return [(run.cell.title, run.scale.name, run.seed) for run in runs]


def finish(run, weights=True):
    run.folder.mkdir(parents=True, exist_ok=True)
    run.result_file.write_text(json.dumps({'last': 50.0}))
    if weights:
        run.last_checkpoint.touch()


def test_a_teacher_is_trained_once_at_its_own_scale(tmp_path):
    runs = plan_runs(
        [cell('kd'), cell('sskd')], [3, 4], load_scale('cpu-small'), tmp_path
    )
    assert names(runs) == [
        ('baseline', 'cpu', 0),
        ('kd', 'cpu-small', 3),
        ('sskd-teacher, 60e', 'cpu', 0),
        ('sskd', 'cpu-small', 3),
        ('kd', 'cpu-small', 4),
        ('sskd', 'cpu-small', 4),
    ]
    assert [run.depth for run in runs] == [0, 1, 1, 2, 1, 2]
    teacher, student, rotations, last = runs[:4]
    assert [need.folder for need in student.needs] == [teacher.folder]
    told = student.config.model.teacher
    assert told.checkpoint == str(teacher.last_checkpoint)
    assert told.config == str(teacher.config_file)
    assert student.config.model.backbone.base_channels == 8
    assert teacher.config.model.backbone.base_channels == 16
    assert rotations.config.load_from == str(teacher.last_checkpoint)
    assert last.config.model.teacher.config == str(rotations.config_file)


def test_another_teacher_is_another_run(tmp_path):
    scale = load_scale('cpu-small')
    (one,) = plan_runs([cell('kd')], [0], scale, tmp_path)[1:]
    options = {'optim_wrapper.optimizer.lr': 0.01}
    other, again = (
        plan_runs([cell('kd')], [0], scale, tmp_path, o)[1]
        for o in (options, {})
    )
    assert one.folder == again.folder != other.folder


def test_what_the_runner_looks_up_itself_makes_another_run(tmp_path):
    folders = {
        plan_runs([cell('cds')], [0], load_scale('cpu'), tmp_path, o)[0].folder
        for o in ({}, {'sync_bn': 'torch'}, {'compile': True})
    }
    assert len(folders) == 3


def test_a_first_stage_has_the_seed_and_scale_of_its_run():
    (named,) = named_runs(
        {
            'load_from': 'work_dirs/a_b_c/epoch_7.pth',
            'other': 'work_dirs/x/epoch_1.pth',
        },
        {'load_from'},
    )
    assert (named.stem, named.is_teacher) == ('a_b_c', False)
    runs = plan_runs([cell('sskd-teacher', '60e')], [5], load_scale('cpu'))
    assert names(runs) == [
        ('baseline', 'cpu', 5),
        ('sskd-teacher, 60e', 'cpu', 5),
    ]


@pytest.mark.parametrize(
    'path', ['work_dirs/x.pth', 'a/work_dirs/x/epoch_1.pth', 'x/epoch_1.pth']
)
def test_other_files_are_the_users(path):
    config = {'load_from': path, 'x': [{'y': (path,)}]}
    assert named_runs(config, config) == []


def test_what_is_missing(tmp_path):
    scale = load_scale('cpu-small')
    runs = plan_runs([cell('sskd')], [0], scale, tmp_path)
    teacher, rotations, student = runs
    assert _missing(runs) == runs
    finish(teacher)
    assert _missing(runs) == [rotations, student]
    # Its weights are gone, but nobody needs them before `rotations` is lost.
    finish(rotations)
    teacher.last_checkpoint.unlink()
    assert _missing(runs) == [student]
    rotations.last_checkpoint.unlink()
    assert _missing(runs) == runs
    finish(student)
    assert _missing(runs) == []


def test_a_scale_leaves_out_what_a_leaf_is_without(tmp_path):
    scale = Scale('x', override={'val_evaluator': [dict(type='Accuracy')]})
    (run,) = plan_runs([cell('cds')], [0], load_scale('cpu'), tmp_path)
    run.config.val_evaluator = None
    changed = scale.apply(run.config, 'cifar10_folder')
    assert changed.val_evaluator is None


def test_the_table_tells_the_scales_apart(tmp_path):
    scale = load_scale('cpu-small')
    cells = [cell('baseline'), cell('kd')]
    runs = plan_runs(cells, [0], scale, tmp_path)
    for number, run in enumerate(runs):
        finish(run)
        result = dict(
            last=40.0 + number,
            epochs=run.epochs,
            views_of_each_image=run.epochs,
            wall_seconds=60,
            commits=['abc'],
            date='2026-01-01',
            machines=['CPU'],
            metrics={'accuracy/top1': 40.0 + number, 'calibration/nll': 1.25},
        )
        run.result_file.write_text(json.dumps(result))
    text = write_table(runs, tmp_path / 'row.md')
    assert text.startswith('Scale `cpu-small`: For a CPU core, smaller')
    rows, _, others = text.partition('\nMean of the seeds (spread):\n\n')
    first, teacher, student = rows.splitlines()[-3:]
    assert '[baseline](' in first
    assert '| 20 | 20 | 40.0 | 40.0 |' in first
    assert '[baseline, scale `cpu`](' in teacher
    assert '| 25 | 25 | 41.0 | 41.0 |' in teacher
    assert '[kd](' in student
    assert others.splitlines()[0] == '| method | calibration/nll |'
    assert others.splitlines()[-1] == '| kd | 1.25 |'
