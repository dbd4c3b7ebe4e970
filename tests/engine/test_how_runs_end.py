"""Runs that are interrupted, locked out or lose a process: one line each."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_lines import (
    CONFIG,
    ROOT,
    clean_environment,
    run_fresh,
    tiny,
)

from cds_mm.meeting import MEET, REACH, patience

EPOCHS = 400  # more than any of these tests waits for


def wait_for(condition, seconds=90):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, 'waited too long'
        time.sleep(0.02)
    return found


def alive(pid) -> bool:
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.split()[0] != 'Z'


def processes_of(work_dir):
    """Processes whose command line names a work dir."""
    found = []
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        with contextlib.suppress(OSError):
            if str(work_dir).encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return [pid for pid in found if alive(pid)]


@pytest.fixture
def long_run(command, folder, tmp_path):
    """Start a run that does not end by itself; returns its process group."""

    def start(epochs=EPOCHS, **settings):
        options = tiny(folder, epochs, **settings)
        return command.start('train', CONFIG, '--work-dir', tmp_path, *options)

    return start


def test_ctrl_c_says_how_to_go_on_and_that_works(
    command, long_run, folder, tmp_path
):
    group = long_run(train_dataloader__num_workers=2)
    wait_for(lambda: list(tmp_path.glob('epoch_2.pth')))
    os.killpg(group, signal.SIGINT)
    ended = command.wait()
    assert (ended.code, ended.err) == (
        130,
        'interrupted; go on with --resume\n',
    )
    assert not list(tmp_path.glob('.*')), 'nothing left behind'
    last = max(
        int(path.stem.removeprefix('epoch_'))
        for path in tmp_path.glob('epoch_*.pth')
    )
    argv = [CONFIG, '--work-dir', tmp_path, '--resume']
    command('train', *argv, *tiny(folder, last)).fine()


@pytest.mark.parametrize('times', [1, pytest.param(2, marks=pytest.mark.slow)])
def test_sigterm_says_how_to_go_on(command, long_run, tmp_path, times):
    """As of a cluster that takes its machine back."""
    group = long_run(train_dataloader__num_workers=1)
    wait_for(lambda: list(tmp_path.glob('epoch_1.pth')))
    for _ in range(times):
        # The group's leader; its workers are its own to end.
        os.kill(group, signal.SIGTERM)
    ended = command.wait()
    assert ended.code in (143, -signal.SIGTERM)
    if times == 1:
        assert (ended.code, ended.err) == (
            143,
            'ended by SIGTERM; go on with --resume\n',
        )
        assert not list(tmp_path.glob('.*')), 'nothing left behind'
    wait_for(lambda: not processes_of(tmp_path), 20)


@pytest.mark.slow
@pytest.mark.parametrize('times', [1, 2])
def test_sigterm_on_a_launcher(two_ranks, tmp_path, times):
    launcher, _ = two_ranks
    for _ in range(times):
        launcher.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    lines = said_in_the_end(launcher, tmp_path)
    assert lines == [
        'ended by SIGTERM; go on with --resume where a checkpoint was saved'
    ]
    assert launcher.returncode == 143


@pytest.mark.slow
def test_ctrl_c_before_the_first_checkpoint(command, long_run, tmp_path):
    group = long_run(
        train_dataloader__num_workers=1, default_hooks__checkpoint__interval=99
    )
    wait_for(lambda: list(tmp_path.glob('*/vis_data/scalars.json')))
    os.killpg(group, signal.SIGINT)
    ended = command.wait()
    assert ended.code == 130
    assert ended.err == (
        'interrupted; no checkpoint was saved yet: start again\n'
    )


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_is_refused(command, folder, tmp_path):
    argv = [CONFIG, '--work-dir', tmp_path]
    options = tiny(folder, EPOCHS)
    # Not of the same server, which runs one command at a time.
    first = subprocess.Popen(
        [sys.executable, ROOT / 'tools/train.py', *argv, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
        cwd=ROOT,
    )
    try:
        wait_for(lambda: list(tmp_path.glob('*/vis_data/scalars.json')))
        error = command('train', *argv, *tiny(folder, 1)).error
        assert f'{tmp_path}: another run is writing there' in error
        assert f'process {first.pid} on ' in error and '--work-dir' in error
        # The advice.
        other = tmp_path / 'other'
        argv = [CONFIG, '--work-dir', other]
        command('train', *argv, *tiny(folder, 1)).fine()
    finally:
        first.kill()
        first.wait()
    # What it left does not block.
    assert (tmp_path / '.running').exists()
    argv = [CONFIG, '--work-dir', tmp_path]
    command('train', *argv, *tiny(folder, 1)).fine()
    assert not (tmp_path / '.running').exists()


def test_a_killed_worker_of_a_loader(command, long_run, tmp_path):
    group = long_run(
        train_dataloader__num_workers=2,
        train_dataloader__persistent_workers=True,
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
    )
    wait_for(lambda: list(tmp_path.glob('*/vis_data/scalars.json')))
    children = Path(f'/proc/{group}/task/{group}/children')
    worker = wait_for(lambda: children.read_text().split())[0]
    os.kill(int(worker), signal.SIGKILL)
    error = command.wait().error
    assert 'a worker of a data loader' in error
    assert 'lower num_workers' in error and re.search('resume$', error)


@pytest.fixture
def two_ranks(folder, tmp_path):
    """A launcher with two ranks that train, and their process ids."""
    launcher = subprocess.Popen(
        ['tools/dist_train.sh', CONFIG, '2', '--work-dir', str(tmp_path)]
        + [str(option) for option in tiny(folder, EPOCHS)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(PYTHON=sys.executable),
        cwd=ROOT,
    )
    try:
        wait_for(lambda: list(tmp_path.glob('epoch_1.pth')))
        ranks = [p for p in processes_of(tmp_path) if p != launcher.pid]
        assert len(ranks) == 2
        yield launcher, ranks
    finally:
        for pid in processes_of(tmp_path):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def said_in_the_end(launcher, tmp_path):
    _, err = launcher.communicate(timeout=60)
    wait_for(lambda: not processes_of(tmp_path), 20)
    return err.splitlines()


@pytest.mark.slow
def test_ctrl_c_on_two_ranks(two_ranks, tmp_path):
    launcher, _ = two_ranks
    launcher.send_signal(signal.SIGINT)
    lines = said_in_the_end(launcher, tmp_path)
    assert lines == ['interrupted; go on with --resume']
    assert launcher.returncode == 130
    assert not list(tmp_path.glob('.*'))


@pytest.mark.slow
def test_a_killed_launcher_takes_its_ranks_along(two_ranks, tmp_path):
    launcher, _ = two_ranks
    launcher.kill()
    (line,) = said_in_the_end(launcher, tmp_path)
    assert line.startswith(f'error: the launcher (process {launcher.pid}) has')


@pytest.mark.slow
def test_a_lost_rank_ends_the_other(two_ranks, tmp_path):
    launcher, ranks = two_ranks
    begun = time.monotonic()
    os.kill(ranks[1], signal.SIGKILL)
    (line,) = said_in_the_end(launcher, tmp_path)
    assert re.match(r'error: rank \d was ended by SIGKILL', line)
    assert time.monotonic() - begun < 60 and launcher.returncode == 137


def start_one(tmp_path, **env) -> subprocess.Popen:
    """A launcher of one of two machines, with one rank."""
    place = dict(NNODES='2', MASTER_ADDR='127.0.0.1', PYTHON=sys.executable)
    return subprocess.Popen(
        ['tools/dist_train.sh', CONFIG, '1', '--work-dir', str(tmp_path)]
        + ['--cfg-options', 'modle.x=1'],
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(**{**place, **env}),
        cwd=ROOT,
    )


@pytest.fixture
def silent_port():
    """Of a socket that takes connections and never answers."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        yield str(server.getsockname()[1])


def test_a_first_machine_without_a_name(tmp_path):
    launcher = start_one(tmp_path, MASTER_ADDR='no.such.host.invalid')
    (line,) = said_in_the_end(launcher, tmp_path)
    assert 'MASTER_ADDR' in line and 'is no address that this' in line


@pytest.mark.parametrize(
    'place',
    [
        'silent',
        pytest.param('refuses', marks=pytest.mark.slow),
        pytest.param('drops', marks=pytest.mark.slow),
        pytest.param('first', marks=pytest.mark.slow),
    ],
)
def test_a_first_machine_that_does_not_answer(place, silent_port, tmp_path):
    env = dict(PORT=silent_port, NODE_RANK='1', MEETING_TIMEOUT='1')
    if place == 'refuses':
        env['PORT'] = str(int(silent_port) % 30000 + 20000)
    elif place in ('drops', 'first'):  # an address that nobody has
        env['MASTER_ADDR'] = '10.255.255.1'
    if place == 'first':
        env |= dict(NODE_RANK='0', PORT=str(int(silent_port) % 30000 + 20000))
    begun = time.monotonic()
    (line,) = said_in_the_end(start_one(tmp_path, **env), tmp_path)
    assert time.monotonic() - begun < 30
    assert 'no first machine answers there within 1 s' in line
    assert line.startswith('error: MASTER_ADDR and PORT')


@pytest.mark.slow
def test_a_machine_that_never_comes(tmp_path):
    port = str(20000 + os.getpid() % 12000)
    env = dict(PORT=port, NODE_RANK='0', MEETING_TIMEOUT='3')
    (line,) = said_in_the_end(start_one(tmp_path, **env), tmp_path)
    assert 'not all machines have met there within 3 s' in line


@pytest.mark.slow
@pytest.mark.parametrize('late', ['0', '1'])
def test_a_machine_that_comes_later(late, tmp_path):
    """It starts after the other has waited for a while, and all is well."""
    port = str(21000 + os.getpid() % 12000 + int(late))
    # The first machine to start has the longer patience, as it is advised.
    early = start_one(
        tmp_path, PORT=port, NODE_RANK=str(1 - int(late)), MEETING_TIMEOUT='60'
    )
    time.sleep(8)
    assert early.poll() is None
    other = start_one(tmp_path, PORT=port, NODE_RANK=late)
    for launcher in (early, other):
        _, err = launcher.communicate(timeout=120)
        assert 'modle.x: nothing reads it' in err  # the ranks have begun


def test_what_is_waited_for_is_said(silent_port):
    code = (
        'import time\nfrom cds_mm import meeting\nmeeting._SAY_EVERY = 0.05\n'
        f'with meeting.Meeting("127.0.0.1", {silent_port}, 2, 9, '
        'lambda text: print(text) or 7):\n    time.sleep(60)\n'
    )
    ended = run_fresh(sys.executable, '-c', code)
    assert ended.code == 7 and 'within 2 s' in ended.out
    said = f'waiting for an answer from 127.0.0.1:{silent_port}, '
    assert ended.err.count(said) >= 2


def test_how_long_machines_wait_for_each_other():
    assert patience(None) == (REACH, MEET) and REACH < 60 <= 300 < MEET
    assert patience('900') == (900, 900)
    for wrong in ('x', '0', '-1', 'nan'):
        with pytest.raises(ValueError):
            patience(wrong)
