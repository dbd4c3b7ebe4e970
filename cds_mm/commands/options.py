"""Options that several command lines share, as MMPretrain spells them."""

import argparse
from typing import Any

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
        options = dict(getattr(namespace, self.dest, None) or {})
        for text in values:
            key, _, value = text.partition('=')
            options[key] = setting(value, f'{option_string} {key}')
        setattr(namespace, self.dest, options)


def setting(text: str, name: str) -> Any:
    """The value of a setting, as MMEngine reads it, with its spaces kept.

    Args:
        text: '5', 'true', 'None', 'a path/with spaces', '[a, (1, 2)]', '1,2'.
        name: of the setting, for the message.

    Raises:
        UserError: brackets are not closed.
    """
    text = text.strip().strip('\'"').strip()
    if _is_bracketed(text):
        values = [setting(part, name) for part in _parts(text[1:-1], name)]
        return tuple(values) if text[0] == '(' else values
    if ',' in text:
        parts = _parts(text, name)
        if parts != [text]:
            return [setting(part, name) for part in parts]
    # A number, a boolean, None or text.
    return DictAction._parse_int_float_bool(text)


def _is_bracketed(text: str) -> bool:
    """Whether one pair of brackets stands around all of it."""
    if text[:1] + text[-1:] not in ('()', '[]'):
        return False
    depth = 0
    for letter in text[:-1]:
        depth += (letter in '([') - (letter in ')]')
        if depth == 0:
            return False
    return True


def _parts(text: str, name: str) -> list[str]:
    """Split at the commas outside of brackets."""
    parts, start, depth = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter in '([') - (letter in ')]')
        if letter == ',' and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    if depth:
        raise UserError(f'{name}={text}: brackets are not closed; close them')
    rest = text[start:]
    return parts + [rest] if rest.strip() else parts


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
