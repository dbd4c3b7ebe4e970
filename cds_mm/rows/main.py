r"""Fill a row of a table: run what is missing, write what came out.

    python tools/run_row.py --methods baseline dsn dsn:sepconv dks dhm cds \
        --model r18 --data cifar100 --seeds 0 1

Each run is a training of the leaf config {method}_{model}_{data}[_{variant}]
through tools/train.py; a run that was cut off goes on, one that has finished
is not repeated.  The table goes to --out, beside the published numbers.
"""

import argparse
from pathlib import Path

from mmengine.config import DictAction

from cds_mm.engine.preflight import check_writable
from cds_mm.rows.cell import Cell
from cds_mm.rows.plan import ROWS, plan_runs, with_needs
from cds_mm.rows.published import published
from cds_mm.rows.result import is_finished
from cds_mm.rows.scale import load_scale
from cds_mm.rows.table import write_table
from cds_mm.rows.work import run_missing


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of ``tools/run_row.py``."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=_Formatter,
    )
    parser.add_argument(
        '--methods',
        nargs='+',
        required=True,
        metavar='METHOD[:VARIANT]',
        help='what is compared, e.g. baseline baseline:600e cds',
    )
    parser.add_argument('--model', required=True, help='e.g. r18')
    parser.add_argument('--data', required=True, help='e.g. cifar100')
    parser.add_argument(
        '--seeds', nargs='+', type=int, default=[0], help='of each'
    )
    parser.add_argument(
        '--scale',
        default='published',
        help='the published recipe, or a file of configs/_base_/scales',
    )
    parser.add_argument(
        '--table',
        help='show the numbers of this table of the paper; by default those '
        'that were published for this data set',
    )
    parser.add_argument(
        '--jobs', type=int, default=1, help='runs at the same time'
    )
    parser.add_argument(
        '--gpus', type=int, default=0, help='GPUs (ranks) of each run'
    )
    parser.add_argument(
        '--work-dir', type=Path, default=ROWS, help='for the runs and tables'
    )
    parser.add_argument('--out', type=Path, help='the table, a .md file')
    parser.add_argument(
        '--dry-run', action='store_true', help='list the runs and end'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        help='settings for all runs, as of tools/train.py; those that '
        'others build on get the ones whose place their configs have',
    )
    return parser.parse_args(argv)


def main(argv=None) -> None:
    """Fill a row.

    Raises:
        UserError: whatever the user can mend.
    """
    args = parse_args(argv)
    cells = [Cell.parse(m, args.model, args.data) for m in args.methods]
    scale = load_scale(args.scale)
    out = args.out or args.work_dir / _table_name(args)
    check_writable(str(out.parent), '--out')
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


class _Formatter(
    argparse.RawDescriptionHelpFormatter,
    argparse.ArgumentDefaultsHelpFormatter,
):
    """Keep the lines of the description, and tell the defaults."""


def _table_name(args) -> Path:
    # Another row has another file: a trial must not take a table away.
    methods = '-'.join(args.methods).replace(':', '.')
    return Path(args.scale) / f'{args.model}_{args.data}_{methods}.md'


def _state(run) -> str:
    if is_finished(run):
        return 'finished'
    return 'begun' if run.is_started() else 'to run'
