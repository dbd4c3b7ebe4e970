"""Commands side by side, and lines that say how far they are."""

import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cds_mm.demo.logs import last, scalars
from cds_mm.errors import UserError

_SCORES = {
    'accuracy/top1': 'top-1 {:.1f} %',
    'coco/bbox_mAP': 'AP {:.3f}',
}


@dataclass
class Step:
    """One command of the demo.

    Attributes:
        name: for people, such as 'RetinaNet from cds'.
        command: what Python runs.
        log: where its output goes.
        folder: the work dir of a training, which has its score.
    """

    name: str
    command: list[str]
    log: Path
    folder: Path | None = None


@dataclass
class _Running:
    title: str
    step: Step
    process: subprocess.Popen
    begun: float


def run_together(steps: list[Step], before: int, total: int) -> None:
    """Run steps, as many at once as there are cores, two at most.

    Args:
        steps: of which none waits for another.
        before: how many of all steps came before these.
        total: how many there are in all.

    Raises:
        UserError: one of them failed; the others are ended.
    """
    cores = len(os.sched_getaffinity(0))
    width = min(2, cores, len(steps))
    env = dict(
        os.environ,
        OMP_NUM_THREADS=str(max(1, cores // width)),
        # glibc would give large blocks back to the system after each step
        # and take them anew: page faults that cost a CPU run a quarter.
        MALLOC_MMAP_MAX_='0',
        MALLOC_TRIM_THRESHOLD_=str(2**34),
    )
    waiting = list(enumerate(steps, before + 1))
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < width:
                number, step = waiting.pop(0)
                title = f'[{number}/{total}] {step.name}'
                print(f'{title} ... log: {step.log}', flush=True)
                running.append(_start(title, step, env))
            time.sleep(0.2)
            for run in [r for r in running if r.process.poll() is not None]:
                running.remove(run)
                print(_outcome(run), flush=True)
    finally:
        for run in running:
            run.process.kill()


def _start(title, step, env):
    step.log.parent.mkdir(parents=True, exist_ok=True)
    with step.log.open('w') as stream:
        print(_shown(step.command), file=stream, flush=True)
        process = subprocess.Popen(
            [sys.executable, *step.command],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=env,
        )
    return _Running(title, step, process, time.monotonic())


def _outcome(run):
    step, code = run.step, run.process.returncode
    if code:
        raise UserError(
            f'demo: {_shown(step.command)} failed with {code}; its output is '
            f'in {step.log}'
        )
    minutes = (time.monotonic() - run.begun) / 60
    return f'{run.title}: done in {minutes:.1f} min{_score(step.folder)}'


def _score(folder):
    lines = scalars(folder) if folder else []
    for key, text in _SCORES.items():
        if any(key in line for line in lines):
            return ', ' + text.format(last(lines, key))
    return ''


def _shown(command):
    here = [
        os.path.relpath(word) if os.path.isabs(word) else word
        for word in command
    ]
    return shlex.join(here)
