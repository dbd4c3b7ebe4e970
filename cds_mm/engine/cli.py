"""How a command line ends: one line and an exit code, not a traceback."""

import errno
import functools
import re
import sys
import traceback
from collections.abc import Callable

from cds_mm.errors import UserError

# A dataloader worker's exception arrives with the worker's whole traceback as
# its message; the last line of that is what was raised there.
_FROM_WORKER = re.compile(r'cds_mm\.errors\.UserError: (.+)')

# The system's errors that a user can mend, with the mend.
_MENDS = {
    errno.ENOSPC: 'free some space there, then resume',
    errno.EDQUOT: 'free some of the quota there, then resume',
    errno.EACCES: 'choose a place that you may write to',
    errno.EPERM: 'choose a place that you may write to',
    errno.EROFS: 'choose a place that is not read-only',
}


def one_line(error: BaseException) -> str:
    """The message of ``error`` without the traceback of a worker process."""
    text = str(error).strip()
    raised_in_worker = _FROM_WORKER.findall(text)
    if raised_in_worker:
        return raised_in_worker[-1].strip()
    return ' '.join(text.split())


def friendly_main(main: Callable) -> Callable:
    """Wrap ``main`` so that a mistake of the user costs one line.

    A :class:`UserError` is printed after ``error:`` on stderr and gives exit
    code 1.  Anything else is a fault of the program and keeps its traceback,
    which a report of it needs.  Ctrl-C gives 130.

    Returns:
        Callable: takes what ``main`` takes and returns the exit code, to be
        passed to ``sys.exit``.
    """

    @functools.wraps(main)
    def run(*args, **kwargs) -> int:
        try:
            code = main(*args, **kwargs)
        except UserError as error:
            print(f'error: {one_line(error)}', file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print('interrupted', file=sys.stderr)
            return 130
        except OSError as error:
            if error.errno not in _MENDS:
                traceback.print_exc()
                return 2
            place = error.filename or 'the output'
            mend = _MENDS[error.errno]
            print(f'error: {place}: {error.strerror}; {mend}', file=sys.stderr)
            return 1
        except Exception:
            traceback.print_exc()
            return 2
        return code or 0

    return run
