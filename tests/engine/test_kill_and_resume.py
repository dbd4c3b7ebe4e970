"""A run that is killed and resumed is the run that was not killed."""

import contextlib
import os
import random
import time
from pathlib import Path

import pytest
import torch
from command_lines import CONFIG, kill_group, tiny, with_memory_banks

from cds_mm.testing import fresh_seed

EPOCHS = 3
CDS = pytest.mark.parametrize('options', ['cds'], indirect=True)


@pytest.fixture(scope='module')
def options(request, folder, tmp_path_factory):
    """Two views, two workers, SGD with momentum, one checkpoint kept."""
    more = {}
    if request.param == 'crd':
        more = with_memory_banks(tmp_path_factory.mktemp('teacher'))
    return tiny(
        folder,
        EPOCHS,
        train_dataloader__num_workers=2,
        default_hooks__checkpoint__max_keep_ckpts=1,
        **more,
    )


def final(work_dir) -> dict:
    path = Path(work_dir) / f'epoch_{EPOCHS}.pth'
    return torch.load(path, weights_only=False)


def assert_same_run(one, other):
    """Weights, BatchNorm statistics and momentum, bit for bit."""
    assert one['state_dict'].keys() == other['state_dict'].keys()
    for name, tensor in one['state_dict'].items():
        assert torch.equal(tensor, other['state_dict'][name]), name
    states = [run['optimizer']['state'] for run in (one, other)]
    assert states[0].keys() == states[1].keys() and states[0]
    for key, state in states[0].items():
        momentum = state['momentum_buffer']
        assert torch.equal(momentum, states[1][key]['momentum_buffer']), key
    assert one['meta']['iter'] == other['meta']['iter'] == EPOCHS * 4


@pytest.fixture(scope='module')
def undisturbed(command, options, tmp_path_factory):
    """The final checkpoint, and how long the run took."""
    work_dir = tmp_path_factory.mktemp('undisturbed')
    begin = time.monotonic()
    command('train', CONFIG, '--work-dir', work_dir, *options).fine()
    duration = time.monotonic() - begin
    kept = [path.name for path in work_dir.glob('epoch_*.pth')]
    assert kept == [f'epoch_{EPOCHS}.pth']
    return final(work_dir), duration


def run_until_done(command, options, work_dir, kill) -> int:
    """Resume until the run is over; ``kill(group)`` acts on the first run.

    Returns:
        int: how many checkpoints the killed run had left.
    """
    argv = [CONFIG, '--work-dir', work_dir, *options]
    kill(command.start('train', *argv))
    killed = command.wait()
    assert killed.code in (-9, 0), killed.err
    left = len(list(work_dir.glob('epoch_*.pth')))
    resumed = command('train', *argv, '--resume')
    if not left:
        assert 'there is no checkpoint' in resumed.error
        resumed = command('train', *argv)
    resumed.fine()
    assert not list(work_dir.glob('.*.tmp')), 'what the kill left is cleared'
    return left


def kill_after(seconds):
    def kill(group):
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):  # over already
            kill_group(group)

    return kill


def kill_while_writing(work_dir, number):
    """Kill as soon as the temporary file of the n-th write is there."""

    def kill(group):
        seen = set()
        while len(seen) < number:
            seen |= {p.name for p in work_dir.glob('.*.pth.*.tmp')}
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return
            time.sleep(0)
        kill_group(group)

    return kill


@pytest.mark.parametrize(
    'options, nth',
    [
        pytest.param('cds', 1, marks=pytest.mark.slow),
        ('cds', 2),
        ('crd', 2),
    ],
    indirect=['options'],
)
def test_killed_while_it_writes(command, options, undisturbed, tmp_path, nth):
    straight, _ = undisturbed
    banks = [name for name in straight['state_dict'] if '.bank' in name]
    assert bool(banks) == any('crd' in option for option in options)
    kill = kill_while_writing(tmp_path, number=nth)
    run_until_done(command, options, tmp_path, kill)
    assert_same_run(straight, final(tmp_path))


@CDS
def test_killed_at_a_random_moment(command, options, undisturbed, tmp_path):
    straight, duration = undisturbed
    moment = random.Random(fresh_seed()).uniform(0, duration)
    print(f'killed after {moment:.2f} of {duration:.2f} s')
    run_until_done(command, options, tmp_path, kill_after(moment))
    assert_same_run(straight, final(tmp_path))


@CDS
@pytest.mark.slow
def test_killed_at_twenty_random_moments(
    command, options, undisturbed, tmp_path
):
    straight, duration = undisturbed
    rng = random.Random(fresh_seed())
    for number in range(20):
        # Every third while a random one of the writes is under way.
        writing = number % 3 == 0
        moment = rng.uniform(0, duration)
        work_dir = tmp_path / str(number)
        work_dir.mkdir()
        kill = kill_after(moment)
        if writing:
            kill = kill_while_writing(work_dir, rng.randint(1, 2 * EPOCHS))
        left = run_until_done(command, options, work_dir, kill)
        when = 'while writing' if writing else f'after {moment:.2f} s'
        print(f'{number}: killed {when}, {left} checkpoints left')
        assert_same_run(straight, final(work_dir))
