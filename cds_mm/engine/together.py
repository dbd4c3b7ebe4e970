"""Running command lines of this project side by side."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cds_mm.errors import UserError

# glibc would give large blocks back to the system after each step and take
# them anew: page faults that cost a CPU run a quarter.
CALM_MALLOC = {
    'MALLOC_MMAP_MAX_': '0',
    'MALLOC_TRIM_THRESHOLD_': str(2**34),
}


@dataclass(frozen=True)
class Command:
    """A command line.

    Attributes:
        words: a Python file with its arguments, or a program with its.
        log: the file that gets its output.
        title: what it is, for people.
        finish: called when it has ended well; returns what is worth saying.
    """

    words: list[str]
    log: Path
    title: str
    finish: Callable[[], str | None] | None = None


def run_together(
    commands: list[Command], width: int = 1, keep_going: bool = False
) -> list[Command]:
    """Run command lines, ``width`` at once, each with its share of the cores.

    Prints a line when one begins and one when it has ended.

    Args:
        commands: begun in this order.
        width: how many at once.
        keep_going: whether others are run when one has failed.

    Returns:
        list[Command]: those that failed, with ``keep_going``.

    Raises:
        UserError: one of them failed, and the others have been ended.
    """
    width = max(1, min(width, len(commands)))
    waiting, running, failed = list(enumerate(commands, 1)), {}, []
    try:
        while waiting or running:
            while waiting and len(running) < width:
                number, command = waiting.pop(0)
                print(
                    f'[{number}/{len(commands)}] {command.title} ... log: '
                    f'{command.log}',
                    flush=True,
                )
                process = _start(command, width)
                running[process] = command, time.monotonic()
            time.sleep(0.2)
            for process in [p for p in running if p.poll() is not None]:
                command, since = running.pop(process)
                if process.returncode == 0:
                    _say_done(command, time.monotonic() - since)
                    continue
                failed.append(command)
                if not keep_going:
                    raise _failure(command, process.returncode)
                print(f'{command.title}: failed, see {command.log}')
    finally:
        for process in running:
            process.kill()
    return failed


def shown(words: list[str]) -> str:
    """A command line with the paths as they are from here."""
    here = [
        os.path.relpath(word) if os.path.isabs(word) else word
        for word in words
    ]
    return shlex.join(here)


def _start(command, width):
    cores = len(os.sched_getaffinity(0))
    threads = str(max(1, cores // width))
    words = command.words
    if words[0].endswith('.py'):
        words = [sys.executable, *words]
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open('a') as stream:
        stream.write(f'$ {shown(words)}\n')
        stream.flush()
        return subprocess.Popen(
            words,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, OMP_NUM_THREADS=threads, **CALM_MALLOC),
        )


def _say_done(command, seconds):
    said = command.finish() if command.finish else None
    note = f', {said}' if said else ''
    print(f'{command.title}: done in {seconds / 60:.1f} min{note}', flush=True)


def _failure(command, code):
    return UserError(
        f'{command.title}: failed with {code} ({shown(command.words)}); its '
        f'output is in {command.log}'
    )
