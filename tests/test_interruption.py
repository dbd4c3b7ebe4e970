"""An interrupt ends a command wherever it meets it."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from command_lines import ROOT, clean_environment

from cds_mm import interruption
from cds_mm.errors import UserError
from cds_mm.interruption import Interrupted, interrupts_insist
from cds_mm.launcher import is_rank
from cds_mm.outcome import friendly_main
from cds_mm.work_dir_lock import NAME, work_dir_lock


def interrupt_soon(seconds=0.05):
    send = os.kill
    threading.Timer(seconds, send, (os.getpid(), signal.SIGINT)).start()


def ended(main, capsys):
    code = friendly_main(main)()
    return code, capsys.readouterr().err


def test_what_a_library_makes_of_it(capsys):
    def lay_out_a_config():
        try:
            raise KeyboardInterrupt
        except:  # noqa: E722
            raise SyntaxError('check the syntax of: ...')  # noqa: B904

    assert ended(lay_out_a_config, capsys) == (130, 'interrupted\n')


def test_the_advice_comes_along(capsys):
    def train():
        raise Interrupted('go on with --resume')

    wanted = (130, 'interrupted; go on with --resume\n')
    assert ended(train, capsys) == wanted


def test_one_that_is_swallowed_comes_again(capsys, monkeypatch):
    monkeypatch.setattr(interruption, '_AGAIN', 0.2)

    def swallow():
        interrupt_soon()
        try:
            time.sleep(20)
        except KeyboardInterrupt:
            time.sleep(20)
        return 0

    begun = time.monotonic()
    assert ended(swallow, capsys) == (130, 'interrupted\n')
    assert time.monotonic() - begun < 15
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_insist():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_error_is_no_interrupt(capsys):
    def fail():
        raise UserError('a: b; c')

    assert ended(fail, capsys) == (1, 'error: a: b; c\n')
    assert not is_rank()


HOLD = """
import sys, time
from cds_mm.work_dir_lock import work_dir_lock
with work_dir_lock(sys.argv[1]):
    print('held', flush=True)
    time.sleep(100)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, '-c', HOLD, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(),
        cwd=ROOT,
    )
    assert process.stdout.readline() == 'held\n'
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_one_run_at_a_time(holder, tmp_path):
    with (
        pytest.raises(UserError, match=f'process {holder.pid} on .*--work-'),
        work_dir_lock(tmp_path),
    ):
        pass
    # The lock goes with the process, whatever its file says.
    holder.kill()
    holder.wait()
    assert str(holder.pid) in (tmp_path / NAME).read_text()
    with work_dir_lock(tmp_path):
        assert str(os.getpid()) in (tmp_path / NAME).read_text()
    assert not (tmp_path / NAME).exists()


def test_other_ranks_leave_it_to_the_first(holder, tmp_path, monkeypatch):
    monkeypatch.setenv('RANK', '1')
    with work_dir_lock(tmp_path):
        pass


def test_an_empty_folder_that_it_made_goes_again(tmp_path):
    with work_dir_lock(tmp_path / 'a' / 'b'):
        assert (tmp_path / 'a' / 'b' / NAME).exists()
    assert not (tmp_path / 'a').exists()
