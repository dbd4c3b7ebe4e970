"""``tools/probe_stages.py``: what each stage of a backbone has learned."""

import argparse

from cds_mm.choices import EMBEDDINGS
from cds_mm.commands.options import CONFIG_HELP, add_common_options
from cds_mm.quiet import quiet_hosts_load


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of ``tools/test.py`` where they have a meaning here."""
    parser = argparse.ArgumentParser(
        description='Probe every stage that the config taps; for a config '
        'that gives its last map alone add --cfg-options '
        'model.backbone.out_indices="(0,1,2,3)"'
    )
    _add_source(parser)
    parser.add_argument(
        '--out',
        help='folder for stages.json and stages.png, by default '
        '<checkpoint>_stages beside the checkpoint',
    )
    parser.add_argument(
        '--images',
        type=int,
        metavar='N',
        help='fit to the first N training images of each class, not to all',
    )
    parser.add_argument(
        '--neighbors', type=int, default=20, help='k of the kNN'
    )
    parser.add_argument(
        '--other-classes',
        action='store_true',
        help='the images are of other classes than those of the checkpoint',
    )
    parser.add_argument(
        '--embedding',
        choices=EMBEDDINGS,
        default='tsne',
        help='the picture',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of the picture, nothing else'
    )
    add_common_options(parser)
    return parser.parse_args(argv)


def _add_source(parser) -> None:
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument(
        'checkpoint',
        help='of a training or a detector, a converted file, or one of '
        'torchvision',
    )
    parser.add_argument(
        '--prefix', help="where the backbone's keys start in the checkpoint"
    )
    parser.add_argument(
        '--weights',
        metavar='KEY',
        help='which of several sets of weights in the checkpoint',
    )


def main(argv: list[str] | None = None) -> None:
    """Collect features, fit and print, write the numbers and the picture."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.analysis.probes import probe_stages
        from cds_mm.engine.ranks import leave_ranks

    probe_stages(args)
    leave_ranks()
