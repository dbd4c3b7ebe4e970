"""Run command lines in parallel and print their progress."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass
from pathlib import Path

from cds_mm.errors import UserError

_PATIENCE = 10.0  # seconds, between asking a process to end and making it


@dataclass(frozen=True)
class Command:
    """A command line.

    Attributes:
        words: a Python file with its arguments, or a program with its.
        log: the file that gets its output.
        title: what it is, for people.
        begin: called before it is started.
        finish: called when it has ended well; returns what is worth saying.
        ranks: how many processes it starts itself, for their threads.
    """

    words: list[str]
    log: Path
    title: str
    begin: Callable[[], None] | None = None
    finish: Callable[[], str | None] | None = None
    ranks: int = 1


@dataclass(frozen=True)
class _Running:
    command: Command
    title: str
    process: subprocess.Popen
    begun: float


def run_together(
    commands: list[Command],
    width: int | None = None,
    keep_going: bool = False,
    before: int = 0,
    total: int | None = None,
) -> list[Command]:
    """Run command lines, each with its share of the cores.

    Prints a line when one begins and one when it has ended.

    Args:
        commands: of which none waits for another; begun in this order.
        width: how many at once; None for two, or one on a single core.
        keep_going: whether others are run when one has failed.
        before: how many of all came before these.
        total: how many there are in all, where these are a part.

    Returns:
        list[Command]: those that failed, with ``keep_going``.

    Raises:
        UserError: one of them failed, and the others have been ended.
    """
    width = min(width or 2, _cores(), len(commands))
    titles = [
        f'[{number}/{total or len(commands)}] {command.title}'
        for number, command in enumerate(commands, before + 1)
    ]
    waiting = list(zip(titles, commands, strict=True))
    running: dict[Future, _Running] = {}  # in the order of their start
    failed = []
    # No commands, no threads; but a pool has at least one.
    with _ended_by_sigterm(), ThreadPoolExecutor(max(width, 1)) as waiters:
        try:
            while waiting or running:
                while waiting and len(running) < width:
                    run = _start(*waiting.pop(0), width)
                    running[waiters.submit(run.process.wait)] = run
                wait(running, return_when=FIRST_COMPLETED)
                for ended in [future for future in running if future.done()]:
                    run = running.pop(ended)
                    if not _ended_well(run, keep_going):
                        failed.append(run.command)
        finally:
            _end(running)
    return failed


def shown(words: list[str]) -> str:
    """A command line with the paths as they are from here."""
    here = [
        os.path.relpath(word) if os.path.isabs(word) else word
        for word in words
    ]
    return shlex.join(here)


def threads_each(width: int, ranks: int = 1) -> int:
    """Threads of each process of ``width`` commands with ``ranks`` each."""
    return max(1, _cores() // (width * ranks))


def _cores():
    return len(os.sched_getaffinity(0))


@contextlib.contextmanager
def _ended_by_sigterm():
    """Let SIGTERM end this as Ctrl-C does: with all that was started."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(running):
    # Whole groups: a launcher has ranks, and a run has loaders.
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for run in running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.process.pid, sign)
        wait(running, timeout=_PATIENCE)


def _start(title, command, width):
    print(f'{title} ... log: {command.log}', flush=True)
    words = command.words
    if words[0].endswith('.py'):
        words = [sys.executable, *words]
    if command.begin:
        command.begin()
    threads = str(threads_each(width, command.ranks))
    command.log.parent.mkdir(parents=True, exist_ok=True)
    # Added to it: a run that was cut off goes on in the same log.
    with command.log.open('a') as stream:
        print(f'$ {shown(command.words)}', file=stream, flush=True)
        process = subprocess.Popen(
            words,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(
                os.environ,
                OMP_NUM_THREADS=threads,
                PYTHON=sys.executable,
            ),
        )
    return _Running(command, title, process, time.monotonic())


def _ended_well(run, keep_going):
    code, command = run.process.returncode, run.command
    if code and not keep_going:
        raise UserError(
            f'{command.title}: failed with {code} ({shown(command.words)}); '
            f'its output is in {command.log}'
        )
    if code:
        print(f'{run.title}: failed, see {command.log}', flush=True)
        return False
    try:
        said = command.finish() if command.finish else None
    except UserError as error:
        if not keep_going:
            raise
        print(f'{run.title}: {error}', flush=True)
        return False
    minutes = (time.monotonic() - run.begun) / 60
    note = f', {said}' if said else ''
    print(f'{run.title}: done in {minutes:.1f} min{note}', flush=True)
    return True
