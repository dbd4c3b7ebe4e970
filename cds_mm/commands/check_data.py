r"""Look at all annotations and images of a config before a training.

    %(prog)s configs/bccd/retinanet_r18_fpn_bccd.py

Training and testing do the same on their own up to 20,000 images. What is
read is remembered (in $CDS_MM_CACHE or ~/.cache/cds_mm), so that larger sets
are read here once.
"""

import argparse
from pathlib import Path

from cds_mm.commands.options import CONFIG_HELP, add_cfg_options
from cds_mm.quiet import quiet_hosts_load


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of ``tools/check_data.py``."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=['train', 'val', 'test'],
        default=[],
        help='data sets to read; all that the config has unless given',
    )
    parser.add_argument('--out', help='file (.json) for the report')
    add_cfg_options(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Check, and print the report."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.config import load_config
        from cds_mm.engine.check_data import DataCheck
        from cds_mm.engine.data_report import json_of, lines_of
        from cds_mm.files import atomic_write, check_output
        from cds_mm.run_warnings import warnings_so_far
        from cds_mm.utils import register_all_modules

    if args.out:
        check_output(args.out, '--out')
    register_all_modules(init_default_scope=False)
    cfg = load_config(args.config, args.cfg_options)
    check = DataCheck(cfg, tuple(args.splits))
    for line in check.broken():
        print(line)
    report = check.report()
    for line in lines_of(report):
        print(line)
    if args.out:
        out = Path(args.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(out, json_of(report))
    count = len(warnings_so_far())
    print(f'{count} warnings' if count else 'nothing wrong was found')
