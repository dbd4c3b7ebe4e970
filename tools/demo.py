"""Pretrain on digits, convert, detect digits in scenes; `make demo`.

Works in data/digits and work_dirs/demo of the folder it is called in.
"""

import argparse
import sys

from cds_mm.demo.plan import WORK, Size, run_demo
from cds_mm.demo.report import write_report
from cds_mm.engine.cli import friendly_main


def main(argv=None):
    """Run everything and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--seed', type=int, default=0, help='of the data and of all runs'
    )
    args = parser.parse_args(argv)
    seconds = run_demo(Size(), args.seed)
    print(write_report(args.seed, seconds))
    print(f'Saved in {WORK}/: report.md, curves.png, boxes.png')


if __name__ == '__main__':
    sys.exit(friendly_main(main)())
