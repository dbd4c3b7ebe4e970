"""One file for each run: what came out, and of what."""

import json
import os
import platform
import subprocess
from datetime import date
from pathlib import Path

import torch

from cds_mm.analysis.scalars import curve, scalars, wall_seconds
from cds_mm.config import training_views
from cds_mm.errors import UserError
from cds_mm.experiments.plan import Run
from cds_mm.experiments.processes import threads_each
from cds_mm.files import atomic_write
from cds_mm.paths import PROJECT, in_project
from cds_mm.version import __version__

METRIC = 'accuracy/top1'
_FAST = 'Fast path: '


def is_finished(run: Run) -> bool:
    """Whether the run has its result."""
    return run.result_file.is_file()


def read_result(run: Run) -> dict:
    """What :func:`write_result` has written."""
    return json.loads(run.result_file.read_text())


def has_score(run: Run) -> bool:
    """Whether it is validated: a first stage without a classifier is not."""
    return run.config.get('val_cfg') is not None


def is_validated(run: Run) -> bool:
    """Whether the logs have a score of the last epoch, if one is due."""
    if not has_score(run):
        return True
    try:
        return run.epochs in curve(scalars(run.folder), METRIC)[0]
    except UserError:
        return False


def metrics_file(run: Run) -> Path:
    """Where the metrics of a test of the last checkpoint go."""
    return run.folder / 'metrics.json'


def note_start(run: Run, jobs: int) -> None:
    """Keep with which commit, and on what, an attempt begins."""
    attempts = [
        *_attempts(run),
        {'commit': commit_here(), **_place(run, jobs)},
    ]
    text = json.dumps(attempts, indent=1)
    atomic_write(_attempts_file(run), text.encode())


def write_result(run: Run) -> str:
    """Read the logs of a finished run and write its result.

    Returns:
        str: what is worth saying of it.

    Raises:
        UserError: the last epoch has no score.
    """
    steps, values, metrics = _scores(run)
    attempts = _attempts(run)
    views = len(training_views(run.config))
    result = {
        'name': run.cell.name,
        'scale': run.scale.name,
        'seed': run.seed,
        'metric': METRIC,
        'last': values[-1] if values else None,
        'best': max(values, default=None),
        'metrics': metrics,
        'curve': list(zip(steps, values, strict=True)),
        'epochs': run.epochs,
        'views_of_each_image': run.epochs * views,
        'wall_seconds': round(wall_seconds(run.folder), 1),
        'config': in_project(run.leaf),
        'config_sha256': run.config_hash,
        'ranks': run.ranks,
        'builds_on': [str(need.last_checkpoint) for need in run.needs],
        'fast_path': _fast_path(run),
        'commits': _distinct(attempts, 'commit'),
        'machines': _distinct(attempts, 'machine'),
        'date': str(date.today()),
        'versions': {'torch': torch.__version__, 'cds_mm': __version__},
    }
    text = json.dumps(result, indent=1)
    atomic_write(run.result_file, text.encode())
    return f'top-1 {values[-1]:.1f} %' if values else ''


def commit_here() -> str:
    """The project's commit, with '-dirty' where files of it are changed."""
    said = subprocess.run(
        ['git', 'describe', '--always', '--dirty', '--abbrev=12'],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or f'release {__version__}'


def _scores(run):
    if not has_score(run):
        return [], [], {}
    lines = scalars(run.folder)
    steps, values = curve(lines, METRIC)
    if metrics_file(run).is_file() and run.epochs not in steps:
        tested = json.loads(metrics_file(run).read_text())
        return [*steps, run.epochs], [*values, tested[METRIC]], tested
    if run.epochs not in steps:
        raise UserError(
            f'{run.folder}: its last epoch, {run.epochs}, was not validated; '
            'let train_cfg.val_interval divide train_cfg.max_epochs'
        )
    # Metrics have a prefix, unlike the other scalars of their line.
    tested = [line for line in lines if METRIC in line][-1]
    return steps, values, {k: v for k, v in tested.items() if '/' in k}


def _fast_path(run) -> list[str]:
    """What the log says of it, over all attempts; empty before there was."""
    log = run.folder / 'run.log'
    lines = log.read_text().splitlines() if log.is_file() else []
    said = [line.split(_FAST)[1] for line in lines if _FAST in line]
    return list(dict.fromkeys(said))


def _attempts_file(run):
    return run.folder / 'attempts.json'


def _attempts(run):
    path = _attempts_file(run)
    return json.loads(path.read_text()) if path.is_file() else []


def _place(run, jobs):
    if torch.cuda.is_available():
        return {'machine': f'{run.ranks} x {torch.cuda.get_device_name()}'}
    cores, threads = (
        len(os.sched_getaffinity(0)),
        threads_each(jobs, run.ranks),
    )
    return {
        'machine': f'{cores} cores ({platform.machine()}), {threads} threads '
        f'a process, {jobs} runs at a time'
    }


def _distinct(attempts, key):
    return list(dict.fromkeys(attempt[key] for attempt in attempts))
