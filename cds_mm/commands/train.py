"""``tools/train.py``: pretraining and detection training alike."""

import argparse

from cds_mm.commands.options import CONFIG_HELP, add_common_options
from cds_mm.quiet import quiet_hosts_load


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of MMPretrain's ``tools/train.py``."""
    parser = argparse.ArgumentParser(description='Train a model')
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from this checkpoint, or from the latest of the work dir',
    )
    parser.add_argument(
        '--no-validate', action='store_true', help='no validation meanwhile'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the actual total batch size',
    )
    parser.add_argument(
        '--no-persistent-workers',
        action='store_true',
        help='end the workers of the loaders with each epoch',
    )
    parser.add_argument(
        '--parity',
        action='store_true',
        help='the recipe as published, op by op: no fast path',
    )
    parser.add_argument(
        '--detector',
        metavar='CONFIG',
        help='refuse a pretraining whose backbone will not fit this detector',
    )
    parser.add_argument(
        '--accept-changed-function',
        action='store_true',
        help='the detector computes something else than the pretrained '
        'network on purpose: compare the weights only',
    )
    add_common_options(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Train the model of a config."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.engine.ranks import leave_ranks
        from cds_mm.engine.train import train

    train(args)
    leave_ranks()
