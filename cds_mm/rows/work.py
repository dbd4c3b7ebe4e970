"""Running what is missing of a row."""

from pathlib import Path

from cds_mm.engine.scalars import score
from cds_mm.engine.together import Command, run_together
from cds_mm.errors import UserError
from cds_mm.paths import TOOLS
from cds_mm.rows.plan import Run, shown
from cds_mm.rows.result import is_finished, write_result


def run_missing(runs: list[Run], jobs: int = 1, gpus: int = 0) -> None:
    """Train what has no result yet, going on where something has begun.

    Args:
        runs: the row's.
        jobs: how many at once.
        gpus: ranks of each, through ``tools/dist_train.sh``; 0 or 1 for
            ``tools/train.py``.

    Raises:
        UserError: some of them failed; the others were run to their end.
    """
    missing = [run for run in runs if not is_finished(run)]
    here = len(runs) - len(missing)
    print(f'{len(runs)} runs, {here} of them finished before', flush=True)
    commands = [_command(run, gpus) for run in missing]
    failed = run_together(commands, jobs, keep_going=True)
    if failed:
        raise UserError(
            f'{len(failed)} of {len(missing)} runs failed, the first is '
            f'{failed[0].title} (its output is in {failed[0].log}); mend '
            'that and start again: what is finished is not repeated'
        )


def _command(run, gpus):
    config = _write_config(run)
    words = [str(TOOLS / 'train.py'), str(config)]
    if gpus > 1:
        words = ['bash', str(TOOLS / 'dist_train.sh'), str(config), str(gpus)]
    words += ['--work-dir', str(run.folder)]
    if run.is_started():
        words.append('--resume')
    words += ['--cfg-options', f'randomness.seed={run.seed}']
    return Command(
        words,
        run.folder / 'run.log',
        f'{shown(run.leaf)}, seed {run.seed}',
        lambda: _finish(run),
    )


def _write_config(run) -> Path:
    run.folder.mkdir(parents=True, exist_ok=True)
    config = run.folder / f'{run.cell.name}.py'
    run.config.dump(config)
    return config


def _finish(run):
    write_result(run)
    return score(run.folder)
