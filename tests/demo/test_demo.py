"""The demo from end to end, with very little of everything."""

import json

import pytest

from cds_mm.demo import plan, report
from cds_mm.demo.plan import STARTS, Size, run_demo
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


def test_a_failed_command_is_named(elsewhere):
    with pytest.raises(UserError, match=r'-c .*failed with 3.*\.log'):
        plan.run_together([['-c', 'import sys; sys.exit(3)']], 'failing')
