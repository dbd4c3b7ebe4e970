r"""Fill a row of a table: run what is missing, write what came out.

    %(prog)s --methods baseline dsn dsn:sepconv dks dhm cds \
        --model r18 --data cifar100 --seeds 0 1

Each run is a training of the leaf config {method}_{model}_{data}[_{variant}]
through tools/train.py; a run that was cut off goes on, one that has finished
is not repeated.  The table goes to --out, beside the published numbers.
"""

import argparse
from pathlib import Path

from cds_mm.choices import ROWS
from cds_mm.commands.options import Defaults, add_cfg_options
from cds_mm.quiet import quiet_hosts_load


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of ``tools/run_row.py``."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=Defaults,
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
        '--work-dir',
        type=Path,
        default=ROWS,
        help='for the runs and tables',
    )
    parser.add_argument('--out', type=Path, help='the table, a .md file')
    parser.add_argument(
        '--dry-run', action='store_true', help='list the runs and end'
    )
    add_cfg_options(
        parser,
        help='settings for all runs, as of tools/train.py; those that '
        'others build on get the ones whose place their configs have',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Fill a row."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.experiments.main import fill_row

    fill_row(args)
