"""Options that several command lines share, as MMPretrain spells them."""

import argparse

from mmengine.config import DictAction

from cds_mm.errors import UserError

LAUNCHERS = ['none', 'pytorch', 'slurm', 'mpi']


class Defaults(
    argparse.RawDescriptionHelpFormatter,
    argparse.ArgumentDefaultsHelpFormatter,
):
    """Keep the lines of the description, and show the defaults."""


class _Settings(DictAction):
    def __call__(self, parser, namespace, values, option_string=None):
        for value in values:
            if not value.partition('=')[1]:
                raise UserError(
                    f'{option_string} {value}: no value; write key=value, '
                    'with no space around the sign'
                )
        super().__call__(parser, namespace, values, option_string)


def add_cfg_options(
    parser: argparse.ArgumentParser,
    help: str = 'override settings of the config: key=value, lists as '
    'key="[a,b]", nested keys as a.b.c=value',
) -> None:
    """``--cfg-options``, a dict of dotted keys."""
    parser.add_argument(
        '--cfg-options', nargs='+', action=_Settings, default={}, help=help
    )


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """The flags that training and testing share, as MMPretrain spells them."""
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--amp',
        action='store_true',
        help='bfloat16 mixed precision, where the CPU or GPU has units for it',
    )
    parser.add_argument(
        '--no-pin-memory', action='store_true', help='do not pin batches'
    )
    add_cfg_options(parser)
    parser.add_argument(
        '--launcher',
        choices=LAUNCHERS,
        default='none',
        help='what has started the ranks; none for a single process',
    )
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help='set by launchers: number of this rank on its machine',
    )
