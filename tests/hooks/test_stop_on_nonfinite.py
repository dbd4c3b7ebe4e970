"""A loss that is no number ends the run; such weights are not saved."""

import math

import pytest
import tiny_runner
import torch
from tiny_runner import Linear

from cds_mm.errors import UserError

CHECKPOINT = dict(type='AtomicCheckpointHook', interval=1)


def run(tmp_path, model, **kwargs):
    hook = dict(type='StopOnNonFiniteHook')
    tiny_runner.runner(
        tmp_path, hook, model=model, checkpoint=CHECKPOINT, **kwargs
    ).train()


@pytest.mark.parametrize('poison', [math.nan, math.inf, -math.inf])
def test_it_names_the_moment_the_terms_and_the_last_good(tmp_path, poison):
    with pytest.raises(UserError) as caught:
        run(tmp_path, Linear(poison_at=4, poison=poison), epochs=3)
    message = str(caught.value)
    assert 'epoch 2, iteration 4' in message
    assert 'loss_main' in message and 'other' not in message
    assert f'the last good checkpoint is {tmp_path}/epoch_1.pth' in message
    assert 'optim_wrapper.optimizer.lr' in message
    kept = [path.name for path in tmp_path.glob('*.pth')]
    assert kept == ['epoch_1.pth']
    weights = torch.load(tmp_path / kept[0], weights_only=False)['state_dict']
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_before_any_checkpoint(tmp_path):
    with pytest.raises(UserError, match='no checkpoint was saved yet'):
        run(tmp_path, Linear(poison_at=1))


class Exploding(Linear):
    """Finite losses, but the last step of the epoch blows the weights up."""

    def train_step(self, data, optim_wrapper):
        losses = super().train_step(data, optim_wrapper)
        if self.seen == 2:
            self.layer.bias.data.fill_(math.nan)
        return losses


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    with pytest.raises(UserError, match='layer.bias is not finite.*not saved'):
        run(tmp_path, Exploding())
    assert not list(tmp_path.glob('*.pth'))


def test_a_healthy_run_passes(tmp_path):
    run(tmp_path, Linear())
    assert (tmp_path / 'epoch_2.pth').exists()
