"""Strict loading, the summary of the method, AP 0, the progress bar."""

import fcntl
import logging
import os
import pty
import re
import struct
import sys
import termios
import time
from types import SimpleNamespace

import pytest
import tiny_runner
import torch
from mmengine.hooks import Hook
from torch import nn

from cds_mm.errors import UserError
from cds_mm.hooks import (
    MethodSummaryHook,
    ProgressBarHook,
    StrictLoadHook,
    ThroughputHook,
    ZeroAPHook,
)


def network():
    return nn.ModuleDict(dict(backbone=nn.Linear(3, 4), head=nn.Linear(4, 2)))


def load(checkpoint, part='', model=None):
    runner = SimpleNamespace(
        model=model or network(),
        _load_from='some.pth',
        _resume=False,
        logger=logging.getLogger('load'),
    )
    StrictLoadHook([part]).after_load_checkpoint(runner, checkpoint)


def test_strict_load_takes_what_fills_the_model():
    state = network().state_dict()
    wrapped = {f'module.{k}': v for k, v in state.items()}
    for weights in (wrapped, {**state, 'branches.x': torch.zeros(1)}):
        for checkpoint in (weights, dict(state_dict=weights)):
            load(checkpoint)
        # It was looked at: one tensor less is too few.
        weights.pop(next(iter(weights)))
        for checkpoint in (weights, dict(state_dict=weights)):
            with pytest.raises(UserError, match='1 of 4'):
                load(checkpoint)


def test_strict_load_does_without_the_counts_of_batches():
    model = nn.ModuleDict(dict(bn=nn.BatchNorm2d(3)))
    state = model.state_dict()
    del state['bn.num_batches_tracked']
    load(state, model=model)
    del state['bn.running_mean']
    with pytest.raises(UserError, match='1 of 4.*bn.running_mean'):
        load(state, model=model)


def test_strict_load_refuses_weights_that_are_none():
    state = network().state_dict()
    state['head.bias'] = state['head.bias'] * torch.nan
    with pytest.raises(UserError, match='some.pth: head.bias holds NaN'):
        load(state)
    load(state, part='backbone.')
    state['head.bias'] = torch.zeros(2, dtype=torch.int32)
    with pytest.raises(UserError, match='head.bias holds numbers of type int'):
        load(state)


def test_strict_load_refuses_a_part_and_another_shape():
    state = network().state_dict()
    half = {k: v for k, v in state.items() if k.startswith('backbone')}
    with pytest.raises(UserError, match='some.pth: 2 of 4.*head.weight'):
        load(dict(state_dict=half))
    load(dict(state_dict=half), part='backbone.')
    other = dict(state, **{'head.weight': torch.zeros(5, 4)})
    with pytest.raises(UserError, match=r'head.weight is \(5, 4\).*\(2, 4\)'):
        load(dict(state_dict=other))
    with pytest.raises(UserError, match='2 of 2.*backbone'):
        load(dict(state_dict={}), part='backbone.')


class Says(nn.Module):
    def describe(self):
        return 'contrast of everything'


def test_the_summary_of_the_method(caplog):
    logger = logging.getLogger('summary')
    model = nn.Module()
    model.supervisions = nn.ModuleDict(dict(cds=Says()))
    model.branches = nn.ModuleDict(dict(stage2=nn.Linear(9, 10)))
    with caplog.at_level(logging.INFO):
        hook = MethodSummaryHook()
        hook.before_train(SimpleNamespace(model=model, logger=logger))
        hook.before_train(SimpleNamespace(model=nn.Linear(1, 1)))
    assert caplog.messages == [
        'Supervision cds: contrast of everything',
        'Branches, in training only: stage2 (100 parameters)',
    ]


class CocoMetric:
    prefix = 'coco'
    metrics = ['bbox', 'segm', 'proposal']
    format_only = False


class FasterCocoMetric(CocoMetric):
    pass


@pytest.mark.parametrize('metric', [CocoMetric, FasterCocoMetric])
def test_no_detection_is_an_ap_of_zero(metric, caplog):
    evaluator = SimpleNamespace(metrics=[object(), metric()])
    runner = SimpleNamespace(
        val_evaluator=evaluator,
        test_evaluator=evaluator,
        logger=logging.getLogger('zero'),
    )
    for after in (ZeroAPHook().after_val_epoch, ZeroAPHook().after_test_epoch):
        metrics = {'coco/segm_mAP': 0.25}
        caplog.clear()
        after(runner, metrics)
        assert metrics.pop('coco/segm_mAP') == 0.25
        assert metrics == {
            f'coco/bbox_mAP{end}': 0.0
            for end in ('', '_50', '_75', '_s', '_m', '_l')
        }
        assert caplog.messages == [
            'Not one detection in the whole data set: coco/bbox_mAP is 0'
        ]


@pytest.mark.parametrize(
    'metrics',
    [
        {'a/coco/bbox_mAP': 0.5, 'b/coco/bbox_mAP': 0.25},
        {'a/coco/bbox_mAP_50': 0.5, 'b/coco/bbox_AR@100': 0.25},
    ],
    ids=['all', 'metric_items'],
)
def test_metrics_of_several_data_sets_and_of_few_figures(metrics, caplog):
    one, other = CocoMetric(), CocoMetric()
    one.metrics = other.metrics = ['bbox']
    evaluator = SimpleNamespace(
        metrics=[one, other], dataset_prefixes=['a', 'b']
    )
    runner = SimpleNamespace(
        test_evaluator=evaluator, logger=logging.getLogger('zero')
    )
    given = dict(metrics)
    ZeroAPHook().after_test_epoch(runner, metrics)
    assert metrics == given and not caplog.messages

    del metrics[next(iter(given))]
    ZeroAPHook().after_test_epoch(runner, metrics)
    assert metrics['a/coco/bbox_mAP'] == 0
    assert 'b/coco/bbox_mAP_75' not in metrics


def test_a_metric_that_only_writes_its_results_has_no_ap(caplog):
    writes = CocoMetric()
    writes.format_only = True
    runner = SimpleNamespace(
        test_evaluator=SimpleNamespace(metrics=[writes]),
        logger=logging.getLogger('zero'),
    )
    metrics = {}
    ZeroAPHook().after_test_epoch(runner, metrics)
    assert not metrics and not caplog.messages


def train_with_bar(tmp_path):
    hooks = [dict(type='ThroughputHook'), ProgressBarHook()]
    tiny_runner.runner(tmp_path, *hooks, epochs=2).train()


def on_terminal(function) -> str:
    """What ``function`` writes to a terminal, in a process of its own."""
    pid, terminal = pty.fork()
    if pid == 0:
        code = 1
        try:
            # Past the capture of pytest, to the terminal itself.
            with open('/dev/tty', 'w') as tty:
                while not os.get_terminal_size(tty.fileno()).columns:
                    time.sleep(0.01)
                sys.stderr = sys.stdout = tty
                function()
            code = 0
        finally:
            os._exit(code)
    size = struct.pack('HHHH', 24, 120, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
    seen = b''
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not piece:
            break
        seen += piece
    _, status = os.waitpid(pid, 0)
    assert status == 0, seen.decode()
    return seen.decode()


def test_a_bar_on_a_terminal(tmp_path):
    seen = on_terminal(lambda: train_with_bar(tmp_path))
    assert 'epoch 1/2: 100%' in seen and 'epoch 2/2: 100%' in seen
    for number in ('loss', 'img/s', 'wait', 'MB'):
        assert f'{number}=' in seen
    assert re.search(r'2/2 \[\d\d:\d\d<\d\d:\d\d', seen), 'of the epoch'


class Slow(Hook):
    """Says what IterTimerHook would say of a long run."""

    def after_train_iter(self, runner, *_, **__):
        runner.message_hub.update_info('eta', 7384.2)


def test_the_bar_shows_the_time_left_of_the_run(tmp_path):
    def train(**more):
        hooks = [Slow(), ThroughputHook(), ProgressBarHook()]
        return lambda: tiny_runner.runner(tmp_path, *hooks, **more).train()

    assert 'left=2:03:04' in on_terminal(train())
    by_iter = dict(type='IterBasedTrainLoop', max_iters=4)
    # More than the two batches of a pass.
    assert '4/4 [' in on_terminal(train(train_cfg=by_iter))


def test_no_bar_elsewhere(tmp_path, capfd):
    train_with_bar(tmp_path)
    captured = capfd.readouterr()
    assert '%' not in captured.err + captured.out
