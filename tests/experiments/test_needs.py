"""Runs that build on other runs: teachers and first stages."""

import json

import pytest

from cds_mm.errors import UserError
from cds_mm.experiments import (
    Cell,
    Scale,
    load_scale,
    plan_runs,
    with_needs,
    work,
    write_table,
)
from cds_mm.experiments.needs import named_runs
from cds_mm.experiments.work import _missing


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
    asked = plan_runs(
        [cell('kd'), cell('sskd')], [3, 4], load_scale('cpu-small'), tmp_path
    )
    runs = with_needs(asked)
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
    (one,) = plan_runs([cell('kd')], [0], scale, tmp_path)
    options = {'optim_wrapper.optimizer.lr': 0.01}
    other, again = (
        plan_runs([cell('kd')], [0], scale, tmp_path, o)[0]
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
    assert names(with_needs(runs)) == [
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
    runs = with_needs(plan_runs([cell('sskd')], [0], scale, tmp_path))
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


def test_an_option_goes_where_it_has_a_place(tmp_path):
    options = {
        'model.teacher.batchnorm': 'train',
        'model.supervisions.kd.temperature': 2.0,
        'optim_wrapper.optimizer.lr': 0.01,
    }
    runs = plan_runs(
        [cell('kd')], [0], load_scale('cpu-small'), tmp_path, options
    )
    teacher, student = (run.config for run in with_needs(runs))
    assert student.model.teacher.batchnorm == 'train'
    assert student.model.supervisions.kd.temperature == 2
    assert 'teacher' not in teacher.model
    assert list(teacher.model.supervisions) == ['ce']
    assert teacher.optim_wrapper.optimizer.lr == 0.01


def write_results(runs):
    for number, run in enumerate(runs):
        finish(run)
        last = 40.0 + number
        result = dict(
            last=last,
            epochs=run.epochs,
            views_of_each_image=run.epochs,
            wall_seconds=60,
            commits=['abc'],
            date='2026-01-01',
            machines=['CPU'],
            metrics={'accuracy/top1': last, 'calibration/nll': 1.25},
        )
        run.result_file.write_text(json.dumps(result))


def test_the_table_tells_the_scales_apart(tmp_path):
    scale = load_scale('cpu-small')
    cells = [cell('baseline'), cell('kd')]
    runs = plan_runs(cells, [0], scale, tmp_path)
    write_results(with_needs(runs))
    text = write_table(runs, tmp_path / 'row.md')
    assert text.startswith('Scale `cpu-small`: For a CPU core, smaller')
    assert '3 of 3 runs' in text
    rows, _, others = text.partition('\nMean of the seeds (spread):\n\n')
    first, student, teacher = rows.splitlines()[-3:]
    assert first.startswith('| [baseline](')
    assert '| 20 | 20 | 40.0 | 40.0 |' in first
    assert student.startswith('| [kd](')
    assert teacher.startswith('| [baseline (scale `cpu`, to build on)](')
    assert '| 25 | 25 | 41.0 | 41.0 |' in teacher
    assert others.splitlines()[0] == '| method | calibration/nll |'
    assert '| kd | 1.25 |' in others.splitlines()


def test_a_teacher_is_no_seed_of_the_row(tmp_path):
    cells = [cell('baseline'), cell('kd')]
    runs = plan_runs(cells, [3, 4], load_scale('cpu'), tmp_path)
    write_results(with_needs(runs))
    text = write_table(runs, tmp_path / 'row.md')
    assert '| top-1, seed 3 / 4 |' in text
    assert '5 of 5 runs' in text
    assert text.count('| [baseline](') == 1
    assert text.count('| [baseline (scale `cpu`, to build on)](') == 1


def test_one_failure_stops_those_alone_that_build_on_it(tmp_path, monkeypatch):
    cells = [cell('baseline'), cell('cds-kd'), cell('sskd')]
    asked = plan_runs(cells, [0], load_scale('cpu-small'), tmp_path)
    begun = []

    def fail_cds(commands, *args, **kwargs):
        begun.extend(command.log.parent for command in commands)
        return [c for c in commands if '/cds_r18' in str(c.log)]

    monkeypatch.setattr(work, 'run_together', fail_cds)
    runs = with_needs(asked)
    for run in runs:
        run.folder.mkdir(parents=True)
        (run.folder / 'run.log').write_text('error: lost\n')
    with pytest.raises(
        UserError, match='1 of 6 runs failed and 1 that build on them'
    ):
        work.run_missing(runs)
    baseline, distilled, student = asked
    assert {run.folder for run in runs} - set(begun) == {distilled.folder}
    assert begun[0] == baseline.folder and begun[-1] == student.folder


def test_a_run_without_its_weights_begins_anew(tmp_path, monkeypatch):
    asked = plan_runs([cell('kd')], [0], load_scale('cpu-small'), tmp_path)
    teacher, _ = runs = with_needs(asked)
    finish(teacher, weights=False)
    monkeypatch.setattr(work, 'run_together', lambda *a, **k: [])
    work.run_missing(runs)
    assert not teacher.result_file.exists()
    aside = teacher.folder.with_name('seed0_without_weights')
    assert (aside / 'result.json').exists()
