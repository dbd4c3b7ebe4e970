"""Fill a row of a table: run what is missing, write what came out."""

import argparse
from pathlib import Path

from cds_mm.experiments.cell import Cell
from cds_mm.experiments.plan import plan_runs, with_needs
from cds_mm.experiments.published import published
from cds_mm.experiments.result import is_finished
from cds_mm.experiments.scale import load_scale
from cds_mm.experiments.table import write_table
from cds_mm.experiments.work import run_missing
from cds_mm.files import check_output


def fill_row(args: argparse.Namespace) -> None:
    """Fill a row.

    Raises:
        UserError: whatever the user can fix.
    """
    cells = [Cell.parse(m, args.model, args.data) for m in args.methods]
    scale = load_scale(args.scale)
    out = args.out or args.work_dir / _table_name(args)
    check_output(out, '--out')
    published(cells[0], table=args.table)  # whether there is such a table
    runs = plan_runs(
        cells,
        args.seeds,
        scale,
        args.work_dir,
        args.cfg_options,
        max(1, args.gpus),
    )
    everything = with_needs(runs)
    if args.dry_run:
        for run in everything:
            print(run.folder, _state(run))
        return
    try:
        run_missing(everything, args.jobs)
    finally:
        if any(map(is_finished, everything)):
            print(write_table(runs, out, args.table, args.cfg_options))
            print(f'Saved in {out}', flush=True)


def _table_name(args) -> Path:
    # Another row has another file: a trial must not take a table away.
    methods = '-'.join(args.methods).replace(':', '.')
    return Path(args.scale) / f'{args.model}_{args.data}_{methods}.md'


def _state(run) -> str:
    if is_finished(run):
        return 'finished'
    return 'begun' if run.is_started() else 'to run'
