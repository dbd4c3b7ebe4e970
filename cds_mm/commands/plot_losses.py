"""``tools/plot_losses.py``: training loss and accuracy of runs together."""

import argparse

from cds_mm.quiet import quiet_hosts_load


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Runs, and what to draw of them."""
    parser = argparse.ArgumentParser(
        description='Draw training loss and validation score of runs, and '
        'compare their ends with those of the first'
    )
    parser.add_argument('work_dirs', nargs='+', help='of runs')
    parser.add_argument('--out', required=True, help='picture, a .png')
    parser.add_argument(
        '--loss', default='loss_ce', help='name of the loss in the log'
    )
    parser.add_argument(
        '--metric', default='accuracy/top1', help='name of the score'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Read the logs, print a line for each run, write the picture."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.analysis.loss_curves import plot_losses

    plot_losses(args)
