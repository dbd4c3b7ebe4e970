"""What of a config a resumed run takes, and what it says of the rest."""

import re

import pytest
import torch
from command_lines import CONFIG, tiny

COSINE = dict(
    type='CosineAnnealingLR',
    T_max=2,
    end=2,
    by_epoch=True,
    convert_to_iter_based=True,
)


def leaf(folder, schedule):
    path = folder / 'leaf.py'
    path.write_text(
        f'_base_ = {CONFIG!r}\n'
        f'param_scheduler = {schedule!r}\n'
        'optim_wrapper = dict(optimizer=dict(lr=0.01))\n'
    )
    return path


@pytest.fixture(scope='module')
def train(command, folder, tmp_path_factory):
    """``train(name, schedule, *argv, epochs=2, **settings)``."""
    root = tmp_path_factory.mktemp('resumed')

    def run(name, schedule, *argv, epochs=2, **settings):
        argv = [leaf(root, schedule), '--work-dir', root / name, *argv]
        return command('train', *argv, *tiny(folder, epochs, **settings))

    run.root = root
    return run


@pytest.fixture(scope='module')
def cosine(train):
    """A run of two epochs of a cosine; its two checkpoints."""
    train('cosine', [COSINE]).fine()
    return [train.root / 'cosine' / f'epoch_{n}.pth' for n in (1, 2)]


def weights(path):
    return torch.load(path, weights_only=False)['state_dict']


def assert_equal_weights(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def test_the_same_settings_say_nothing(train, cosine):
    one, two = cosine
    result = train('same', [COSINE], '--resume', one).fine()
    assert not result.warnings and not result.err
    assert_equal_weights(
        weights(two), weights(train.root / 'same/epoch_2.pth')
    )


def test_the_advice_starts_a_new_schedule(train, cosine):
    longer = [dict(COSINE, T_max=3, end=3)]
    argv = ['--resume', cosine[1]]
    error = train('new', longer, *argv, epochs=3).error
    assert 'param_scheduler.0.T_max is 3 and was 2' in error
    assert not (train.root / 'new').exists()
    (path,) = re.findall(r'--cfg-options load_from=(\S+)', error)
    done = train('new', longer, epochs=3, load_from=path).fine()
    rates = re.findall(r'Epoch\(train\).*?lr: (\S+)', done.out)
    assert len(rates) == 12 and float(rates[0]) == 0.01


@pytest.mark.slow
def test_a_finished_cosine_is_told_what_goes_on(train, cosine):
    done = train('done', [COSINE], '--resume', cosine[1]).fine()
    assert 'has all 2 epochs; its schedule is used up: leave' in done.out
    (path,) = re.findall(r'--cfg-options load_from=(\S+)', done.out)
    train('done', [COSINE], load_from=path).fine()


def test_another_batch_size_says_what_follows(train, cosine):
    size, steps = 16, 2
    done = train(
        f'batch{size}',
        [COSINE],
        '--resume',
        cosine[0],
        train_dataloader__batch_size=size,
        model__supervisions__cds__temperature=0.2,
    ).fine()
    flat = ' '.join(done.out.split())
    assert f'batch_size is {size} and was 8: the learning rate stays' in flat
    assert f'an epoch has {steps} steps and had 4' in flat
    assert f'ends at epoch {1 + 4 / steps:.1f}' in flat
    assert 'temperature is 0.2 and was 0.07: it takes effect' in flat
    # Both once more in the summary, beside that of the batch size.
    assert '3 warnings of this run' in flat
    times = re.findall(r'eta: (\S+)', done.out)
    assert times and not any(time.startswith('-') for time in times)


@pytest.mark.slow
def test_the_advice_after_a_loss_that_is_no_number(train):
    """Both ways on that it names can be gone."""
    name, constant = 'exploded', []
    train(name, constant, epochs=1).fine()
    first = train.root / name / 'epoch_1.pth'
    error = train(
        name,
        constant,
        epochs=3,
        load_from=first,
        optim_wrapper__optimizer__lr=1e30,
    ).error
    assert 'the loss is not finite' in error
    clipped = train(
        name,
        constant,
        '--resume',
        first,
        optim_wrapper__clip_grad__max_norm=1,
    ).fine()
    assert 'clip_grad is' in clipped.out and 'takes effect' in clipped.out
    train(
        'lower', constant, load_from=first, optim_wrapper__optimizer__lr=1e-3
    ).fine()
