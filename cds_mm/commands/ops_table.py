"""Try MMDetection's stock detectors on the operations that are in use.

    %(prog)s --folders faster_rcnn deformable_detr
    %(prog)s --out docs/ops.md

One config of each folder takes a training step and predicts, with random
weights, on this CPU.  All of them take half an hour on two cores; what --out
has already is not tried again.
"""

import argparse
from pathlib import Path

from cds_mm.quiet import quiet_hosts_load


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of ``tools/ops_table.py``."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--folders',
        nargs='+',
        default=[],
        help="folders of MMDetection's configs; all of its index unless given",
    )
    parser.add_argument(
        '--out', help='file (.md) whose table is written, or filled up'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Try them, print a line for each, write the table."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.analysis.ops_table import print_table
        from cds_mm.files import check_output

    if args.out:
        check_output(args.out, '--out', 'the table is', ('.md',))
    print_table(args.folders, Path(args.out) if args.out else None)
