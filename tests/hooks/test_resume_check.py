"""A resumed run is what its config says, or it is refused or warned of."""

import re
from types import SimpleNamespace

import mmengine.runner.loops
import pytest
import tiny_runner
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from refusals import refused_resume

from cds_mm.errors import UserError
from cds_mm.hooks.resume_changes import what_follows
from cds_mm.run_warnings import warnings_so_far

KEEP_ALL = dict(type='AtomicCheckpointHook', interval=1)
COSINE = dict(type='CosineAnnealingLR', T_max=4, end=4)
SGD = dict(type='SGD', lr=0.1, momentum=0.9)


class Rates(Hook):
    """What each step is made with, and when the run would be over."""

    priority = 'LOWEST'

    def __init__(self):
        self.rates, self.left = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.rates.append(runner.optim_wrapper.param_groups[0]['lr'])

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ):
        self.left.append(runner.message_hub.runtime_info['eta'])


@pytest.fixture
def run(tmp_path):
    """Train, and return the rates of the steps, the times, the weights."""

    def train(
        name='run',
        resume=None,
        epochs=4,
        schedule=COSINE,
        optimizer=SGD,
        wrapper=(),
        loader=(),
        limits=None,
        batch=4,
        **more,
    ):
        torch.manual_seed(0)
        seen = Rates()
        wrapper = dict(wrapper, optimizer=dict(optimizer))
        limits = limits or dict(by_epoch=True, max_epochs=epochs)
        cfg = Config(
            dict(
                train_cfg=limits,
                optim_wrapper=wrapper,
                param_scheduler=schedule,
                train_dataloader=dict(loader, batch_size=batch),
                model=dict(type='Linear'),
                **more,
            )
        )
        runner = tiny_runner.Runner(
            tiny_runner.Linear(),
            work_dir=str(tmp_path / name),
            train_dataloader=tiny_runner.DataLoader(
                tiny_runner.Numbers(), batch, collate_fn=tiny_runner.collate
            ),
            train_cfg=limits,
            optim_wrapper=wrapper,
            param_scheduler=schedule,
            default_hooks=dict(
                checkpoint=dict(KEEP_ALL, by_epoch=limits['by_epoch']),
                logger=None,
            ),
            custom_hooks=[dict(type='ResumeCheckHook'), seen],
            default_scope='mmengine',
            experiment_name=f'{tmp_path}/{name}/{resume}',
            log_level='WARNING',
            load_from=resume and str(tmp_path / 'run' / f'{resume}.pth'),
            resume=bool(resume),
            cfg=cfg,
        )
        runner.train()
        state = {k: v.clone() for k, v in runner.model.state_dict().items()}
        return seen, state

    return train


def test_the_same_settings_say_nothing(run):
    _, straight = run()
    _, resumed = run('on', 'epoch_2')
    assert not warnings_so_far()
    assert all(torch.equal(straight[k], resumed[k]) for k in straight)


@pytest.mark.parametrize(
    'settings, said',
    [
        (dict(optimizer=dict(SGD, lr=0.2)), 'optimizer.lr is 0.2 and was 0.1'),
        (dict(optimizer=dict(type='Adam', lr=0.1)), "type is 'Adam' and was"),
        (dict(optimizer=dict(SGD, weight_decay=1)), 'was not set'),
        (
            dict(wrapper=dict(paramwise_cfg=dict(bias_lr_mult=2))),
            'optim_wrapper.paramwise_cfg is',
        ),
        (dict(schedule=dict(COSINE, T_max=9)), 'T_max is 9 and was 4'),
        (dict(schedule=[]), 'param_scheduler is [] and was'),
        (dict(limits=dict(by_epoch=False, max_iters=9)), 'max_iters is 9'),
        (dict(epochs=8), 'is used up: the learning rate would stay at 0.0'),
        (dict(epochs=3), 'cut off at a learning rate of 0.05'),
    ],
)
def test_another_schedule_is_refused(run, settings, said):
    run()
    assert said in refused_resume(run, 'on', 'epoch_2', **settings)


def test_a_finished_run_is_no_error(run):
    run()
    seen, _ = run('on', 'epoch_4', optimizer=dict(SGD, lr=0.2))
    assert not seen.rates and not warnings_so_far()


@pytest.mark.parametrize(
    'schedule, wrapper',
    [
        ([], {}),
        (dict(type='MultiStepLR', milestones=[50]), {}),
        # A warm-up, and the full rate after it.
        (dict(type='LinearLR', start_factor=0.1, end=3, by_epoch=False), {}),
        ([dict(type='StepLR', step_size=3, end=99)], {}),
        (dict(type='ExponentialLR', gamma=0.9, end=99), {}),
    ],
    ids=['constant', 'milestone ahead', 'warm-up', 'steps', 'exponential'],
)
def test_a_rate_that_is_not_used_up_goes_on(run, schedule, wrapper):
    run(schedule=schedule)
    seen, resumed = run('on', 'epoch_4', epochs=8, schedule=schedule)
    assert not warnings_so_far()
    wanted, straight = run('straight', epochs=8, schedule=schedule)
    assert seen.rates == pytest.approx(wanted.rates[8:])
    assert all(torch.equal(straight[k], resumed[k]) for k in straight)


@pytest.mark.parametrize(
    'schedule',
    [
        dict(type='MultiStepLR', milestones=[2], end=99),
        dict(type='MultiStepLR', milestones=[2]),
        dict(type='PolyLR', power=0.9, end=4),
        dict(COSINE, convert_to_iter_based=True),
    ],
)
def test_a_rate_that_has_come_down_is_used_up(run, schedule):
    run(schedule=schedule)
    said = refused_resume(run, 'on', 'epoch_4', epochs=8, schedule=schedule)
    assert 'its schedule is used up' in said


@pytest.mark.parametrize('end', [4, 10])
def test_one_more_epoch(run, end):
    """One rate alone cannot tell a schedule that has ended."""
    schedule = dict(COSINE, T_max=end, end=end)
    run(schedule=schedule)
    if end == 4:
        said = refused_resume(
            run, 'on', 'epoch_4', epochs=5, schedule=schedule
        )
        assert 'its schedule is used up' in said
        return
    seen, _ = run('on', 'epoch_4', epochs=5, schedule=schedule)
    wanted, _ = run('straight', epochs=5, schedule=schedule)
    assert seen.rates == pytest.approx(wanted.rates[8:])


@pytest.mark.parametrize(
    'schedule',
    [
        # The host sets `end` to the number of epochs where it is not given,
        # and the checkpoint's stays.
        dict(type='MultiStepLR', milestones=[5]),
        dict(type='CosineAnnealingLR', T_max=9),
    ],
)
def test_a_schedule_that_would_go_on_otherwise(run, schedule):
    run(schedule=schedule)
    said = refused_resume(run, 'on', 'epoch_4', epochs=8, schedule=schedule)
    assert 'used up' in said or 'where this config has' in said


def test_a_loop_by_iteration(run, monkeypatch):
    # The host waits for two seconds after each pass through the data.
    monkeypatch.setattr(mmengine.runner.loops.time, 'sleep', lambda _: None)
    short, long = (dict(by_epoch=False, max_iters=n) for n in (8, 12))
    schedule = dict(type='PolyLR', power=0.9, by_epoch=False, end=8)
    run(limits=short, schedule=schedule)
    said = refused_resume(run, 'on', 'iter_8', limits=long, schedule=schedule)
    assert 'max_iters is 12 and was 8, but its schedule is used up' in said
    run(limits=short, schedule=[])
    seen, _ = run('on', 'iter_8', limits=long, schedule=[])
    assert len(seen.rates) == 4 and not warnings_so_far()


@pytest.mark.parametrize('batch, steps', [(8, 1), (2, 4)])
def test_another_batch_size_says_what_follows(run, batch, steps):
    schedule = dict(COSINE, convert_to_iter_based=True)
    run(schedule=schedule)
    seen, _ = run('on', 'epoch_2', schedule=schedule, batch=batch)
    (said,) = warnings_so_far()
    assert f'train_dataloader.batch_size is {batch} and was 4' in said
    assert f'an epoch has {steps} steps and had 2' in said
    end = float(re.search(r'ends at epoch ([\d.]+)', said)[1])
    assert end == pytest.approx(2 + 4 / steps)
    assert len(seen.left) == 2 * steps and min(seen.left) >= 0
    assert seen.left[-1] == 0, 'the run is over when it says so'


def test_what_takes_effect_is_said(run):
    run()
    run(
        'on',
        'epoch_2',
        wrapper=dict(clip_grad=dict(max_norm=1)),
        loader=dict(num_workers=3, dataset=dict(data_root='b')),
        auto_scale_lr=dict(enable=True, base_batch_size=4),
    )
    said = '\n'.join(warnings_so_far())
    assert 'optim_wrapper.clip_grad is' in said and 'takes effect' in said
    assert 'dataset' in said and 'no longer the same run' in said
    assert '--auto-scale-lr has no effect' in said
    assert len(warnings_so_far()) == 3


def test_how_the_optimizer_computes_is_no_setting(run):
    run()
    run('on', 'epoch_2', optimizer=dict(SGD, foreach=False))
    assert not warnings_so_far()


def test_a_scheduler_that_cannot_be_foretold_is_a_warning(run):
    # It raises as soon as it has made all of its steps.
    schedule = dict(
        type='OneCycleLR', eta_max=0.3, total_steps=8, by_epoch=False
    )
    run(schedule=schedule)
    run('on', 'epoch_4', epochs=5, schedule=schedule)
    (said,) = warnings_so_far()
    assert 'max_epochs is 5 and was 4' in said and 'look at it' in said


def test_what_an_old_checkpoint_does_not_say(run, tmp_path):
    run()
    path = tmp_path / 'run' / 'epoch_2.pth'
    content = torch.load(path, weights_only=False)
    del content['meta']['cfg'], content['meta']['run_facts']
    torch.save(content, path)
    seen, _ = run('on', 'epoch_2', optimizer=dict(SGD, lr=0.2))
    assert seen.rates and not warnings_so_far()


def test_another_order_of_the_classes_is_refused(run, monkeypatch):
    """By the hook, so with any launcher; also of a run without a record."""

    def has(*classes):
        monkeypatch.setattr(
            tiny_runner.Numbers,
            'metainfo',
            dict(classes=classes),
            raising=False,
        )

    has('cow', 'goat')
    run()
    has('Cow', 'goat')
    run('same', 'epoch_2')
    has('goat', 'cow')
    with pytest.raises(UserError, match='epoch_2.pth: .* in another order'):
        run('on', 'epoch_2')
    run('over', 'epoch_4')  # has no step to go


def test_stages_that_are_named_and_every_stage_are_the_same(tmp_path):
    branch = dict(type='Branch', tower=dict(type='SepConvTower'))
    other = dict(branch, tower=dict(type='IdentityTower'))

    def changes(before, now):
        model = dict(type='DeepSupervisedClassifier')
        network = SimpleNamespace(stages=dict(stage1=None, stage2=None))
        cfg = Config(dict(model=dict(model, branches=now)))
        runner = tiny_runner.runner(tmp_path, epochs=1)
        runner.train()
        runner.cfg, runner.model.network = cfg, network
        settings = dict(model=dict(model, branches=before))
        found = what_follows(runner, dict(meta={}), settings)
        return [line for line in found if 'branches' in line]

    named = dict(stage1=branch, stage2=branch)
    assert not changes(named, dict(every_stage=branch))
    (line,) = changes(named, dict(every_stage=branch, stage2=other))
    assert line.startswith('model.branches.stage2.tower.type is ')
