"""``tools/reliability_diagram.py``: how far confidence is from accuracy."""

import argparse

from cds_mm.choices import BINS
from cds_mm.commands.options import CONFIG_HELP, add_common_options
from cds_mm.quiet import quiet_hosts_load


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of ``tools/test.py`` where they have a meaning here."""
    parser = argparse.ArgumentParser(
        description='Draw the reliability diagram of a classifier'
    )
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out',
        help='picture to write, by default beside the checkpoint; the '
        'numbers go to a .json of that name',
    )
    parser.add_argument(
        '--bins', type=int, default=BINS[0], help='of the diagram'
    )
    parser.add_argument(
        '--fit-temperature',
        action='store_true',
        help='fit T on the validation data, show the test set after it, too',
    )
    add_common_options(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Evaluate, print the scores, write the picture and the numbers."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.analysis.reliability import reliability_diagram
        from cds_mm.engine.ranks import leave_ranks

    reliability_diagram(args)
    leave_ranks()
