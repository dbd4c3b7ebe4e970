"""The optimisations that a config asks for, in words."""

import logging
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from cds_mm.hooks import FastPathHook
from cds_mm.hooks.fast_path import optimisations


@pytest.mark.parametrize(
    'settings, lines',
    [
        (dict(), []),
        (dict(optim_wrapper=dict(type='OptimWrapper'), compile=False), []),
        (dict(model=dict(memory_format='channels_last')), ['channels_last']),
        (
            dict(optim_wrapper=dict(type='mmengine.BFloat16OptimWrapper')),
            ['bfloat16 autocast'],
        ),
        (
            dict(optim_wrapper=dict(type='AmpOptimWrapper'), compile=True),
            ['optimizer by AmpOptimWrapper', 'compile=True'],
        ),
        (
            dict(optim_wrapper=dict(optimizer=dict(type='SGD', fused=True))),
            ['fused optimizer'],
        ),
    ],
)
def test_what_is_on(settings, lines):
    assert optimisations(Config(settings)) == lines


@pytest.mark.parametrize(
    'before, warned',
    [
        (['channels_last'], False),
        # As earlier versions kept it, of what changed no number.
        (
            [
                'memory kept from step to step',
                'channels_last',
                'float32 where the config says nothing (--no-amp)',
            ],
            False,
        ),
        (['channels_last', 'bf16 autocast (avx512_bf16)'], True),
        ([], True),
    ],
)
def test_a_resume_with_other_ones_warns(before, warned, caplog):
    runner = SimpleNamespace(
        cfg=Config(dict(model=dict(memory_format='channels_last'))),
        logger=logging.getLogger('resume'),
        _resume=True,
    )
    checkpoint = dict(meta=dict(fast_path=before))
    FastPathHook().after_load_checkpoint(runner, checkpoint)
    assert ('no longer the same run' in caplog.text) == warned
    if warned:
        was = '; '.join(before) or 'off'
        assert f'before: {was}; now: channels_last' in caplog.text


@pytest.mark.parametrize(
    ('model', 'lines'),
    [(dict(memory_format='channels_last'), ['channels_last']), (dict(), [])],
)
def test_the_log_and_a_checkpoint_have_what_is_on(model, lines, caplog):
    runner = SimpleNamespace(
        cfg=Config(dict(model=model)), logger=logging.getLogger('on')
    )
    with caplog.at_level(logging.INFO):
        FastPathHook().before_train(runner)
    assert caplog.messages == [f'Fast path: {x}' for x in lines or ['off']]
    checkpoint = dict(meta={})
    FastPathHook().before_save_checkpoint(runner, checkpoint)
    assert checkpoint['meta']['fast_path'] == lines
