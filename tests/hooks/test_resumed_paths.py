"""A checkpoint that is resumed can have no file of others removed."""

import shutil

import pytest
import tiny_runner
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import CheckpointHook

from cds_mm.run_warnings import forget_warnings, warnings_so_far

BEST = 'best_up_score_epoch_{}.pth'


class Own(CheckpointHook):
    """A hook of a user, which writes as the host's."""


class Rising(BaseMetric):
    """Better at every epoch, also after a resume."""

    default_prefix = 'up'
    value = 0.0

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        Rising.value += 1
        return dict(score=Rising.value)


@pytest.fixture
def run():
    forget_warnings()
    Rising.value = 0.0

    def train(work_dir, *hooks, resume=None, epochs=1, host=None, **more):
        settings = dict(type='AtomicCheckpointHook', interval=1)
        settings |= dict(save_best='up/score', rule='greater', **more)
        if host:
            settings['type'] = host
        tiny_runner.runner(
            work_dir,
            *hooks,
            epochs=epochs,
            checkpoint=settings,
            val_dataloader=tiny_runner.DataLoader(
                tiny_runner.Numbers(), 4, collate_fn=tiny_runner.collate
            ),
            val_cfg=dict(),
            val_evaluator=[Rising()],
            load_from=resume and str(resume),
            resume=bool(resume),
            cfg=Config(dict(train_cfg=dict(max_epochs=epochs))),
        ).train()

    yield train
    forget_warnings()


def names(folder):
    return sorted(path.name for path in folder.glob('best*'))


def hub(path, **infos):
    """Put something into what a checkpoint remembers."""
    content = torch.load(path, weights_only=False)
    content['message_hub']['runtime_info'].update(infos)
    content['message_hub']['resumed_keys'].update(dict.fromkeys(infos, True))
    torch.save(content, path)


def test_the_best_of_this_run_is_replaced(run, tmp_path):
    run(tmp_path / 'a')
    assert names(tmp_path / 'a') == [BEST.format(1)]
    run(tmp_path / 'a', resume=tmp_path / 'a/epoch_1.pth', epochs=2)
    assert names(tmp_path / 'a') == [BEST.format(2)]
    assert not warnings_so_far()


def test_of_an_out_dir_too(run, tmp_path):
    out = tmp_path / 'out'
    run(tmp_path / 'a', out_dir=str(out))
    first = out / 'a/epoch_1.pth'
    run(tmp_path / 'a', out_dir=str(out), resume=first, epochs=2)
    assert names(out / 'a') == [BEST.format(2)]


def test_a_work_dir_that_was_moved(run, tmp_path):
    run(tmp_path / 'a')
    shutil.move(tmp_path / 'a', tmp_path / 'b')
    run(tmp_path / 'b', resume=tmp_path / 'b/epoch_1.pth', epochs=2)
    assert names(tmp_path / 'b') == [BEST.format(2)]
    assert not warnings_so_far()


@pytest.mark.parametrize('host', [None, 'Own'])
def test_the_best_of_another_run_stays(run, tmp_path, host, monkeypatch):
    from mmengine.registry import HOOKS

    monkeypatch.setitem(HOOKS._module_dict, 'Own', Own)
    run(tmp_path / 'a')
    first = tmp_path / 'a/epoch_1.pth'
    check = dict(type='ResumeCheckHook')
    run(tmp_path / 'b', check, resume=first, epochs=2, host=host)
    assert names(tmp_path / 'a') == [BEST.format(1)]
    assert names(tmp_path / 'b') == [BEST.format(2)]
    assert not warnings_so_far()


NAMED = [
    '{}/important.pth',
    '{}/best_of_mine.pth',
    '{}/work/../best_of_mine.pth',
    '{}/work/../important.pth',
    '{}/folder',
    '{}/best_folder',
]


@pytest.mark.parametrize('name', NAMED)
@pytest.mark.parametrize('key', ['best_ckpt', 'best_ckpt_up/score'])
def test_a_file_of_the_user_survives(run, tmp_path, name, key):
    marker = tmp_path / name.format('.').replace('work/../', '')
    if 'folder' in name:
        marker.mkdir()
        (marker / 'in it').touch()
    else:
        marker.write_text('all of my work')
    work = tmp_path / 'work'
    run(work)
    hub(work / 'epoch_1.pth', **{key: name.format(tmp_path)})
    run(work, resume=work / 'epoch_1.pth', epochs=3)
    assert marker.exists()
    assert 'folder' not in name or (marker / 'in it').exists()
    assert BEST.format(3) in names(work)
    # That of another run may be on purpose.
    named = name.rpartition('/')[2].startswith('best')
    assert named or 'it stays where it is' in warnings_so_far()[0]


def test_a_file_in_the_folder_that_is_no_best_one(run, tmp_path):
    work = tmp_path / 'work'
    run(work)
    for value in (str(work / 'epoch_1.pth'), 7, ['/etc'], b'x'):
        hub(work / 'epoch_1.pth', best_ckpt=value)
        copy = shutil.copy(work / 'epoch_1.pth', tmp_path / 'copy.pth')
        run(work, resume=copy, epochs=2)
        assert (work / 'epoch_1.pth').exists()


@pytest.mark.parametrize('bad', ['1/../../keep', -1, 1.5, None])
def test_numbers_of_checkpoints_are_numbers(run, tmp_path, bad):
    work = tmp_path / 'work'
    kept = tmp_path / 'keep.pth'
    kept.touch()
    run(work, max_keep_ckpts=1)
    (work / 'epoch_1').mkdir()  # a way through which the name would lead
    hub(work / 'epoch_1.pth', keep_ckpt_ids=[bad, bad, 1])
    run(work, resume=work / 'epoch_1.pth', epochs=2, max_keep_ckpts=1)
    assert kept.exists()
    assert [p.name for p in work.glob('epoch_*.pth')] == ['epoch_2.pth']
