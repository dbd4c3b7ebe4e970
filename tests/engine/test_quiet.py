"""What is silenced, and what is not."""

import warnings

import pytest
from mmengine.config import Config

from cds_mm.config import load_config
from cds_mm.engine.quiet import quiet_hosts

# PyTorch's, of things that go wrong or slow in a training.
OF_TRAINING = (
    'Grad strides do not match bucket view strides. This may indicate grad '
    'was not created according to the gradient layout contract',
    "'pin_memory' argument is set as true but no accelerator is found",
    'Detected call of `lr_scheduler.step()` before `optimizer.step()`',
    'None of the inputs have requires_grad=True. Gradients will be None',
    'Error detected in ConvolutionBackward0',
    'Both `broadcast_buffers` and `forward_sync_buffers` were specified',
)


def shown(message, category):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('default')
        quiet_hosts(Config(dict(default_scope='mmpretrain')))
        warnings.warn(message, category, stacklevel=1)
    return bool(caught)


@pytest.mark.parametrize('message', OF_TRAINING)
@pytest.mark.parametrize('category', [UserWarning, FutureWarning])
def test_what_pytorch_says_of_a_training_is_shown(message, category):
    assert shown(message, category)


@pytest.mark.parametrize(
    'message, category',
    [
        ('Setting OMP_NUM_THREADS environment variable to 1', UserWarning),
        (
            '`broadcast_buffers` is deprecated. Use `forward_sync_buffers`',
            FutureWarning,
        ),
        ('pkg_resources is deprecated as an API. See', UserWarning),
        ('faster_coco_eval is not installed, metrics will', UserWarning),
    ],
)
def test_what_hosts_say_of_themselves_is_not(message, category):
    assert not shown(message, category)


def test_nor_while_a_config_is_read(tmp_path):
    """Then the original MMEngine asks what is installed."""
    path = tmp_path / 'one.py'
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        for said in ('pkg_resources is deprecated as an API', 'another'):
            path.write_text(f"a = __import__('warnings').warn('{said}')")
            load_config(str(path))
    assert [str(warning.message) for warning in caught] == ['another']
