"""The demo from end to end, with very little of everything."""

import pytest
from mmengine.registry import HOOKS

from cds_mm.commands import train
from cds_mm.demo import report
from cds_mm.demo.plan import (
    DETECTORS,
    KEPT,
    PRETRAININGS,
    STARTS,
    Size,
    run_demo,
)
from cds_mm.engine.run_config import run_config


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


@pytest.mark.parametrize('name', [*PRETRAININGS.values(), *DETECTORS.values()])
def test_a_run_keeps_its_last_weights_alone(name, tmp_path):
    argv = [name, '--cfg-options', *KEPT]
    cfg = run_config(train.parse_args(argv))
    hook = HOOKS.build(cfg.default_hooks.checkpoint)
    assert (hook.max_keep_ckpts, hook.save_best) == (1, None)
    assert not hook.save_optimizer
