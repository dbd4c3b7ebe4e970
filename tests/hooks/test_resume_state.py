"""The optimizer and the averages of a resumed run go on with their own."""

import re

import pytest
import tiny_runner
import torch
from mmengine.config import Config
from refusals import refused_resume
from torch import nn

from cds_mm.run_warnings import forget_warnings, warnings_so_far


class Several(tiny_runner.Linear):
    """With more layers, in some order."""

    def __init__(self, *names):
        super().__init__()
        for name in names:
            self.add_module(name, nn.Linear(3, 1))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        found = super().forward(inputs, data_samples, mode)
        if mode == 'loss':
            extra = [self.get_submodule(n) for n in 'ab' if hasattr(self, n)]
            for number, layer in enumerate(extra):
                found[f'loss_{number}'] = layer(inputs).pow(2).mean()
        return found


EMA = dict(type='EMAHook', momentum=0.5)


@pytest.fixture
def run(tmp_path):
    """Train; returns the runner and what was warned of."""

    def train(name, *layers, resume=None, load_from=None, hooks=(), **more):
        forget_warnings()
        start = resume or load_from
        epochs = 2 if resume else 1
        optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
        settings = dict(
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(optimizer=optimizer),
            model=dict(type='Several', layers=[*layers]),
            custom_hooks=[*hooks],
            randomness=dict(seed=0),
            train_dataloader=dict(batch_size=4, sampler=dict(shuffle=True)),
        )
        # The number of epochs is looked at elsewhere.
        runner = tiny_runner.runner(
            tmp_path / name,
            dict(type='ResumeCheckHook'),
            *hooks,
            model=Several(*layers),
            epochs=epochs,
            checkpoint=dict(type='AtomicCheckpointHook', interval=1),
            load_from=start and str(start),
            resume=bool(resume),
            cfg=Config({**settings, **more}),
        )
        runner.optim_wrapper = settings['optim_wrapper']
        runner.train()
        return runner, warnings_so_far()

    yield train
    forget_warnings()


@pytest.fixture
def first(run, tmp_path):
    """A checkpoint of a run; the number of epochs goes on as it was."""

    def make(*layers, **more):
        run('first', *layers, **more)
        path = tmp_path / 'first/epoch_1.pth'
        content = torch.load(path, weights_only=False)
        text = content['meta']['cfg']
        content['meta']['cfg'] = re.sub('max_epochs=1', 'max_epochs=2', text)
        torch.save(content, path)
        return path

    return make


@pytest.mark.parametrize(
    'before, now, said',
    [
        ('a', '', 'its optimizer has 4 parameters, and this model has 2'),
        ('', 'a', 'its optimizer has 2 parameters, and this model has 4'),
        ('ab', 'ba', 'in another order'),
    ],
)
def test_other_parameters_are_refused(run, first, before, now, said):
    path = first(*before)
    found = refused_resume(run, 'on', *now, resume=path)
    assert said in found and 'model.layers' in found
    run('on', *before, resume=path)  # both ways that it names
    run('new', *now, load_from=path)


def test_the_same_parameters_go_on(run, first):
    path = first('a', 'b')
    runner, warned = run('on', 'a', 'b', resume=path)
    assert runner.iter == 4 and not warned


def test_averaged_weights_are_not_trained_on(run, first):
    path = first(hooks=[EMA])
    said = refused_resume(run, 'on', resume=path)
    assert 'averaged the weights (EMAHook)' in said
    _, warned = run('on', resume=path, hooks=[EMA])
    assert not warned
    run('new', load_from=path)


def test_hooks_that_come_and_go(run, first):
    path = first(hooks=[dict(type='SyncBuffersHook')])
    timer = dict(type='EmptyCacheHook', after_iter=True)
    _, warned = run('on', resume=path, hooks=[timer, EMA])
    said = '\n'.join(warned)
    assert 'EmptyCacheHook was added: it takes effect' in said
    assert 'EMAHook was added: it takes effect' in said
    assert 'SyncBuffersHook was removed: it has no effect' in said
    changed = run('two', resume=path, hooks=[dict(type='SyncBuffersHook')])
    assert not changed[1]


def test_a_hook_with_other_settings(run, first):
    path = first(hooks=[EMA])
    _, warned = run('on', resume=path, hooks=[dict(EMA, momentum=0.1)])
    (said,) = warned
    assert 'EMAHook.0.momentum is 0.1 and was 0.5: it takes effect' in said


@pytest.mark.parametrize(
    'settings, said',
    [
        (dict(randomness=dict(seed=7)), 'has no effect, a resumed run goes'),
        (
            dict(randomness=dict(seed=0, diff_rank_seed=True)),
            'diff_rank_seed is True and was not set: it takes effect',
        ),
        (
            dict(
                train_dataloader=dict(
                    batch_size=4, sampler=dict(shuffle=False)
                )
            ),
            'sampler.shuffle is False and was True: batches are put',
        ),
        (
            dict(data_preprocessor=dict(mean=[1.0])),
            'data_preprocessor is',
        ),
    ],
)
def test_what_is_said_of_other_settings(run, first, settings, said):
    path = first()
    _, warned = run('on', resume=path, **settings)
    assert len(warned) == 1 and said in warned[0]


def test_a_best_score_of_other_data(run, first):
    path = first(val_evaluator=dict(type='Accuracy', topk=1))
    content = torch.load(path, weights_only=False)
    hub = content['message_hub']
    hub['runtime_info']['best_score'] = 71.25
    hub['resumed_keys']['best_score'] = True
    torch.save(content, path)
    changed = dict(type='Accuracy', topk=5)
    _, warned = run('on', resume=path, val_evaluator=changed)
    (said,) = warned
    assert 'val_evaluator.topk is 5 and was 1' in said and '71.25' in said


def test_what_changes_nothing_in_training_is_in_the_log_only(
    run, first, caplog
):
    path = first()
    limits = dict(by_epoch=True, max_epochs=2, val_interval=3)
    with caplog.at_level('INFO'):
        _, warned = run(
            'on', resume=path, train_cfg=limits, val_dataloader=dict(a=1)
        )
    assert not warned
