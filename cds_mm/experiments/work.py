"""Running what is missing of a row."""

import shutil
from pathlib import Path

import torch

from cds_mm.errors import UserError
from cds_mm.experiments.plan import Run, all_needs
from cds_mm.experiments.processes import Command, run_together
from cds_mm.experiments.result import (
    commit_here,
    is_finished,
    is_validated,
    metrics_file,
    note_start,
    read_result,
    write_result,
)
from cds_mm.paths import TOOLS, in_project


def run_missing(runs: list[Run], jobs: int = 1) -> None:
    """Train what has no result yet, going on where something has begun.

    Args:
        runs: the row's.
        jobs: how many at once.

    Raises:
        UserError: some of them failed; the others were run to their end, but
            for those that build on these.
    """
    if jobs > 1 and torch.cuda.is_available():
        raise UserError(
            f'--jobs {jobs}: all of them would be on the first GPU; leave '
            'it at 1 and share a run among GPUs with --gpus'
        )
    missing = _missing(runs)
    _say_what_is_there([run for run in runs if run not in missing], runs)
    done = 0
    failed: list[Command] = []
    for depth in sorted({run.depth for run in missing}):
        lost = {command.log.parent for command in failed}
        commands = [
            _command(run, jobs)
            for run in missing
            if run.depth == depth
            and not any(need.folder in lost for need in all_needs(run))
        ]
        failed += run_together(
            commands, jobs, keep_going=True, before=done, total=len(missing)
        )
        done += len(commands)
    _check(failed, len(missing), len(missing) - done)


def _missing(runs):
    """What has no result, or no weights that another of these needs."""
    missing: list[Run] = []
    needed: set[Path] = set()
    for run in reversed(runs):
        gone = run.folder in needed and not run.last_checkpoint.exists()
        if gone or not is_finished(run):
            missing.insert(0, run)
            needed |= {need.folder for need in run.needs}
    return missing


def _check(failed, total, waiting):
    if failed:
        others = f' and {waiting} that build on them' if waiting else ''
        raise UserError(
            f'{len(failed)} of {total} runs failed{others}, the first is '
            f'{failed[0].title} ({_said(failed[0].log)}; its output is in '
            f'{failed[0].log}); fix that and start again: what is finished '
            'is not repeated'
        )


def _said(log: Path) -> str:
    """The last error line of a run, without its first word."""
    lines = log.read_text().splitlines() or ['it said nothing']
    errors = [line for line in lines if line.startswith('error: ')]
    return (errors or lines)[-1].removeprefix('error: ')


def _say_what_is_there(finished, runs):
    results = [read_result(run) for run in finished]
    here = commit_here()
    other = sum(here not in result['commits'] for result in results)
    note = f' ({other} of them with another commit)' if other else ''
    print(
        f'{len(runs)} runs, {len(results)} of them finished before{note}',
        flush=True,
    )


def _command(run, jobs):
    if is_finished(run):  # but without its weights: it starts over
        _set_aside(run)
    config = _write_config(run)
    return Command(
        _words(run, config),
        run.folder / 'run.log',
        f'{in_project(run.leaf)}, seed {run.seed}',
        begin=lambda: note_start(run, jobs),
        finish=lambda: write_result(run),
        ranks=run.ranks,
    )


def _set_aside(run):
    aside = run.folder.with_name(f'{run.folder.name}_without_weights')
    if aside.exists():
        shutil.rmtree(aside)
    run.folder.rename(aside)


def _words(run, config):
    tool, *more = (
        ['test', str(run.last_checkpoint)]
        if run.last_checkpoint.exists() and not is_validated(run)
        else ['train']
    )
    words = [str(TOOLS / f'{tool}.py'), str(config), *more]
    if run.ranks > 1:
        launcher = str(TOOLS / f'dist_{tool}.sh')
        words = ['bash', launcher, str(config), *more, str(run.ranks)]
    words += ['--work-dir', str(run.folder)]
    if tool == 'test':
        # It was cut off between its last checkpoint and its validation.
        return [*words, '--out', str(metrics_file(run)), '--out-item=metrics']
    if run.is_started():
        words.append('--resume')
    return [*words, '--cfg-options', f'randomness.seed={run.seed}']


def _write_config(run) -> Path:
    run.folder.mkdir(parents=True, exist_ok=True)
    run.config.dump(run.config_file)
    return run.config_file
