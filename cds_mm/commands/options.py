"""Options that several command lines share, as MMPretrain spells them."""

import argparse

from cds_mm.config import option_value
from cds_mm.errors import UserError

# What :func:`cds_mm.config.load_config` takes.
CONFIG_HELP = (
    'file, name of a config of this project (NAME or cds_mm::NAME), or '
    'mmdet::folder/name.py'
)
LAUNCHERS = ['none', 'pytorch', 'slurm', 'mpi']


class Defaults(
    argparse.RawDescriptionHelpFormatter,
    argparse.ArgumentDefaultsHelpFormatter,
):
    """Keep the lines of the description, and show the defaults."""


class _Settings(argparse.Action):
    """Collects ``key=value`` in a dict."""

    def __call__(self, parser, namespace, values, option_string=None):
        settings = dict(getattr(namespace, self.dest, None) or {})
        for option in values:
            key, sign, value = option.partition('=')
            if not sign or not key:
                raise UserError(
                    f'{option_string} {option}: no value; write key=value, '
                    'with no space around the sign'
                )
            try:
                settings[key] = option_value(value)
            except UserError as error:
                raise UserError(f'{option_string} {key}: {error}') from error
        setattr(namespace, self.dest, settings)


def add_cfg_options(
    parser: argparse.ArgumentParser,
    help: str = 'override settings of the config: key=value, lists as '
    'key="[a,b]", dicts as key="dict(type=\'x\')", nested keys as a.b.c=value',
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
