"""The demo from end to end, with very little of everything."""

import json

import pytest
from mmengine.registry import HOOKS

from cds_mm.demo import report
from cds_mm.demo.plan import (
    DETECTORS,
    KEPT,
    PRETRAININGS,
    STARTS,
    Size,
    run_demo,
)
from cds_mm.demo.steps import Step, run_together
from cds_mm.engine import train
from cds_mm.engine.config import run_config
from cds_mm.errors import UserError


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_everything(elsewhere):
    size = Size(
        copies=1,
        scenes=8,
        val_scenes=4,
        pretrain_options=[
            'train_cfg.max_epochs=1',
            'param_scheduler.total_steps=1',
            'train_dataloader.dataset.images_per_class=8',
            'train_dataloader.batch_size=16',
            'default_hooks.logger.interval=1',
        ],
        detect_options=[
            'train_cfg.max_epochs=1',
            'param_scheduler.0.total_steps=1',
        ],
    )
    seconds = run_demo(size, seed=3)
    text = report.write_report(3, seconds)
    assert text.count('| Faster R-CNN |') == len(STARTS)
    assert text.count('| RetinaNet |') == len(STARTS)
    # One epoch on 8 scenes teaches nothing, and the report has to say so.
    assert 'did not learn' in text
    folder = elsewhere / 'work_dirs' / 'demo'
    assert (folder / 'curves.png').stat().st_size > 10_000
    assert (folder / 'boxes.png').stat().st_size > 10_000
    assert len(list(folder.rglob('epoch_*.pth'))) == 8
    log = (folder / 'faster-rcnn_cds').rglob('*.log')
    assert any('verified' in path.read_text() for path in log)


def write_log(folder, lines):
    place = folder / '20260101_000000' / 'vis_data'
    place.mkdir(parents=True)
    text = '\n'.join(json.dumps(line) for line in lines)
    (place / 'scalars.json').write_text(text)


def test_scalars_and_curves(tmp_path):
    write_log(tmp_path, [dict(step=1, a=0.5), dict(step=2, a=0.25, b=1.0)])
    lines = report.scalars(tmp_path)
    assert report.curve(lines, 'a') == ([1, 2], [0.5, 0.25])
    assert report.last(lines, 'b') == 1.0
    with pytest.raises(UserError, match='run the demo first'):
        report.scalars(tmp_path / 'nowhere')


def test_a_failed_command_is_named(tmp_path):
    step = Step('x', ['-c', 'import sys; sys.exit(3)'], tmp_path / 'x.log')
    with pytest.raises(UserError, match=r'-c .*failed with 3.*x\.log'):
        run_together([step], 0, 1)


def test_it_says_how_far_it_is(tmp_path, capsys):
    write_log(tmp_path / 'run', [{'step': 1, 'coco/bbox_mAP': 0.25}])
    steps = [
        Step('first', ['-c', 'print(7)'], tmp_path / '1.log'),
        Step('other', ['-c', ''], tmp_path / '2.log', tmp_path / 'run'),
    ]
    run_together(steps, 3, 10)
    said = capsys.readouterr().out.splitlines()
    assert f'[4/10] first ... log: {tmp_path}/1.log' in said
    assert '[4/10] first: done in 0.0 min' in said
    assert '[5/10] other: done in 0.0 min, AP 0.250' in said
    assert (tmp_path / '1.log').read_text() == "-c 'print(7)'\n7\n"


@pytest.mark.parametrize('name', [*PRETRAININGS.values(), *DETECTORS.values()])
def test_a_run_keeps_its_last_weights_alone(name, tmp_path):
    argv = [name, '--cfg-options', *KEPT]
    cfg = run_config(train.parse_args(argv))
    hook = HOOKS.build(cfg.default_hooks.checkpoint)
    assert (hook.max_keep_ckpts, hook.save_best) == (1, None)
    assert not hook.save_optimizer
