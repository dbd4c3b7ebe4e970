"""``tools/test.py``: evaluation of a checkpoint."""

import argparse

from cds_mm.commands.options import CONFIG_HELP, add_common_options
from cds_mm.quiet import quiet_hosts_load


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of MMPretrain's ``tools/test.py``."""
    parser = argparse.ArgumentParser(description='Test (and eval) a model')
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', help='file (.json, .pkl) for the results')
    parser.add_argument(
        '--out-item',
        choices=['metrics', 'pred'],
        help='what to write there; predictions (.pkl) unless given',
    )
    parser.add_argument('--show-dir', help='folder for painted predictions')
    parser.add_argument(
        '--interval', type=int, default=1, help='paint every n-th image'
    )
    add_common_options(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Evaluate a checkpoint; print the metrics, and write them if asked."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.engine.ranks import leave_ranks
        from cds_mm.engine.test import test

    test(args)
    leave_ranks()
