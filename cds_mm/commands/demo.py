"""Pretrain on digits, convert, detect digits in scenes; `make demo`.

Works in data/digits and work_dirs/demo of the folder it is called in.
"""

import argparse

from cds_mm.quiet import quiet_hosts_load


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of ``tools/demo.py``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--seed', type=int, default=0, help='of the data and of all runs'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run everything and print the report."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.demo.plan import WORK, Size, run_demo
        from cds_mm.demo.report import write_report

    seconds = run_demo(Size(), args.seed)
    print(write_report(args.seed, seconds))
    print(f'Saved in {WORK}/: report.md, curves.png, boxes.png')
