"""An operation without stand-in is found before the first step."""

from types import SimpleNamespace

import pytest
import torch
from mmcv.ops import MaskedConv2d
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch import nn

from cds_mm import ops
from cds_mm.engine.missing_ops import check_ops, check_ops_of_test
from cds_mm.errors import UserError
from cds_mm.ops import installation
from cds_mm.run_warnings import warnings_so_far


@pytest.fixture(autouse=True)
def standin_only():
    if ops.status().state != 'stand-in':
        pytest.skip('MMCV has compiled operations here')


def runner(layer, validates=True, loop=EpochBasedTrainLoop, **more):
    """What `check_ops` asks of a runner."""
    data = [0] * 5
    length = 'max_epochs' if loop is EpochBasedTrainLoop else 'max_iters'
    fake = SimpleNamespace(build_dataloader=None)
    loader = torch.utils.data.DataLoader(data)
    train_loop = loop(fake, loader, **{length: 3, **more})
    return SimpleNamespace(
        model=nn.Sequential(layer),
        val_loop=object() if validates else None,
        train_loop=train_loop,
    )


def sampler_layer():
    """A layer that keeps PISA's sampler, as a RoI head does."""
    from mmdet.models.task_modules.samplers import ScoreHLRSampler

    layer = nn.Identity()
    context = SimpleNamespace(
        bbox_roi_extractor=None, bbox_head=None, with_shared_head=False
    )
    layer.bbox_sampler = ScoreHLRSampler(512, 0.25, context=context)
    return layer


def test_in_training():
    with pytest.raises(UserError) as caught:
        check_ops(runner(sampler_layer(), validates=False))
    message = str(caught.value)
    assert message.startswith(
        'model.0.bbox_sampler (ScoreHLRSampler): training calls nms_match'
    )
    assert ops.COMPILE in message
    assert '\n' not in message


class Silent(nn.Sequential):
    """MMDetection's students with a teacher return nothing either."""

    def train(self, mode=True):
        super().train(mode)


def test_a_model_whose_train_returns_nothing():
    one = runner(nn.Identity())
    one.model = Silent(nn.Identity())
    check_ops(one)
    one.model = Silent(sampler_layer())
    with pytest.raises(UserError, match='nms_match'):
        check_ops(one)


def test_in_validation():
    with pytest.raises(UserError) as caught:
        check_ops(runner(MaskedConv2d(1, 1, 1)))
    message = str(caught.value)
    assert message.startswith(
        'model.0 (MaskedConv2d): validation calls masked_im2col_forward'
    )
    assert ops.COMPILE in message
    assert '--no-validate' in message
    assert '\n' not in message


@pytest.mark.parametrize('loop', [EpochBasedTrainLoop, IterBasedTrainLoop])
def test_a_run_that_does_not_validate_is_warned_alone(loop):
    layer = MaskedConv2d(1, 1, 1)
    check_ops(runner(layer, False, loop))
    (said,) = warnings_so_far()
    assert 'masked_im2col_forward' in said
    assert '\n' not in said
    check_ops(runner(layer, True, loop, val_begin=4))
    with pytest.raises(UserError):
        check_ops(runner(layer, True, loop, val_begin=3))


def test_in_a_test():
    with pytest.raises(UserError, match='MaskedConv2d.: testing calls'):
        check_ops_of_test(runner(MaskedConv2d(1, 1, 1)))
    # Called in training only.
    check_ops_of_test(runner(sampler_layer()))


def test_with_compiled_operations(monkeypatch):
    """Who follows the advice trains."""
    compiled = ops.OpsStatus(installation.COMPILED, 'it works')
    monkeypatch.setattr(installation, '_installed', compiled)
    check_ops(runner(MaskedConv2d(1, 1, 1)))
    check_ops(runner(sampler_layer()))
    check_ops_of_test(runner(MaskedConv2d(1, 1, 1)))
    assert warnings_so_far() == []


def test_a_detector_that_lacks_nothing():
    check_ops(runner(nn.Conv2d(1, 1, 1)))
    assert warnings_so_far() == []
