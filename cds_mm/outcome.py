"""How a command line ends: one line and an exit code, not a traceback."""

import errno
import functools
import os
import re
import sys
import time
import traceback
from collections.abc import Callable

from cds_mm.errors import UserError

# A dataloader worker's exception arrives with the worker's whole traceback as
# its message; the last line of that is what was raised there.
_FROM_WORKER = re.compile(r'^(?:\w+\.)*\w*(?:Error|Exception): (.+)', re.M)
_WORKER = re.compile(r'Caught \w+ in DataLoader worker process')

# Some versions of the host put these before the message of whatever fails
# while a part of a config is built, once for each level.
_BUILDING = re.compile(r'^(?:class `\w+` in \S+: )+')

_UNREGISTERED = re.compile(r'^(\S+) is not in the (.+?) registry')

# What MMCV's loader says of one, as detection uses it.
_BROKEN_IMAGE = re.compile(r'failed to load image: (.+)')

_PATIENCE = 10.0  # seconds

_NAME_A_PLACE = 'choose a place that you may write to'
_CHECK_PATH = 'check the path'

# The system's errors that a user can mend, with the mend.
_MENDS = {
    errno.ENOSPC: 'free some space there, then resume',
    errno.EDQUOT: 'free some of the quota there, then resume',
    errno.EFBIG: 'raise the limit on file sizes, then resume',
    errno.EACCES: _NAME_A_PLACE,
    errno.EPERM: _NAME_A_PLACE,
    errno.EROFS: 'choose a place that is not read-only',
    errno.ENOENT: _CHECK_PATH,
    errno.ENOTDIR: _CHECK_PATH,
    errno.EISDIR: _CHECK_PATH,
}


def one_line(error: BaseException) -> str:
    """The message of ``error`` without a worker's traceback or prefixes."""
    # str() of a KeyError is the repr of its message.
    text = error.args[0] if _is_key_error(error) else str(error)
    text = text.strip()
    if _WORKER.match(text):
        text = (_FROM_WORKER.findall(text) or [text])[-1]
    return _BUILDING.sub('', ' '.join(text.split()))


def user_message(error: BaseException) -> str | None:
    """The line to print for an error, None for a fault of the program."""
    if isinstance(error, UserError):
        return one_line(error)
    if _is_key_error(error):
        unknown = _UNREGISTERED.match(one_line(error))
        return unknown and (
            f"type='{unknown[1]}': not in the {unknown[2]} registry; check "
            'its spelling, or import its module with custom_imports'
        )
    if isinstance(error, AssertionError):
        broken = _BROKEN_IMAGE.match(one_line(error))
        return broken and (
            f'{broken[1]}: not a whole image; replace or remove the file'
        )
    if not isinstance(error, OSError):
        return None
    if error.errno in _MENDS:
        place = error.filename or 'the output'
        return f'{place}: {error.strerror}; {_MENDS[error.errno]}'
    if isinstance(error, FileNotFoundError):  # raised by a host, or a worker
        return f'{one_line(error)}; {_CHECK_PATH}'
    return None


def friendly_main(main: Callable) -> Callable:
    """Wrap ``main`` so that a mistake of the user costs one line.

    A :class:`UserError` is printed after ``error:`` on stderr and gives exit
    code 1.  Anything else is a fault of the program and keeps its traceback,
    which a report of it needs, and gives 2.  Ctrl-C gives 130.  With
    ``CDS_MM_DEBUG=1`` a user's mistake shows its traceback too.

    Returns:
        Callable: takes what ``main`` takes and returns the exit code, to be
        passed to ``sys.exit``.
    """

    @functools.wraps(main)
    def run(*args, **kwargs) -> int:
        try:
            return main(*args, **kwargs) or 0
        except KeyboardInterrupt:
            print('interrupted', file=sys.stderr)
            return 130
        except Exception as error:
            message = user_message(error)
            _let_rank_0_speak()
            if message is None or os.environ.get('CDS_MM_DEBUG'):
                traceback.print_exc()
            if message is None:
                return 2
            print(f'error: {message}', file=sys.stderr)
            return 1

    return run


def is_first_rank() -> bool:
    """Whether torchrun or srun has started this as its first process."""
    rank = os.environ.get('RANK') or os.environ.get('SLURM_PROCID') or '0'
    return rank == '0'


def _let_rank_0_speak():
    # A mistake in a config meets all ranks, and where rank 0 alone fails the
    # others lose their connection to it.  torchrun and srun end them as soon
    # as one has failed, so a rank that waits here speaks if rank 0 has not.
    if not is_first_rank():
        time.sleep(_PATIENCE)


def _is_key_error(error):
    return (
        isinstance(error, KeyError)
        and error.args
        and isinstance(error.args[0], str)
    )
