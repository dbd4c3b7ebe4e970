"""How a command line ends: one line and an exit code, not a traceback."""

import errno
import functools
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable

from cds_mm.environment import environment_fault
from cds_mm.errors import UserError
from cds_mm.interruption import (
    Terminated,
    interrupt_behind,
    interrupts_insist,
    terminations_end,
)
from cds_mm.launcher import (
    end_with_launcher,
    has_launcher,
    is_first_rank,
    is_rank,
    leave_at_once,
)
from cds_mm.lost_process import (
    LOST_RANK,
    lack_of_memory,
    lost_in_the_loader,
    lost_process,
)

# A dataloader worker's exception arrives with the worker's whole traceback as
# its message; the last line of that is what was raised there.
_FROM_WORKER = re.compile(r'^(?:\w+\.)*\w*(?:Error|Exception): ', re.M)
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

# The system's errors that a user can fix, with the fix.
_MENDS = {
    errno.ENOSPC: 'free some space there, then resume',
    errno.ENOMEM: 'lower batch_size or num_workers, then resume',
    errno.EDQUOT: 'free some of the quota there, then resume',
    errno.EFBIG: 'raise the limit on file sizes, then resume',
    errno.EACCES: _NAME_A_PLACE,
    errno.EPERM: _NAME_A_PLACE,
    errno.EROFS: 'choose a place that is not read-only',
    errno.ENOENT: _CHECK_PATH,
    errno.ENOTDIR: _CHECK_PATH,
    errno.EISDIR: _CHECK_PATH,
    errno.ELOOP: 'remove the link',
    errno.ENAMETOOLONG: 'choose a shorter name',
}


def one_line(error: BaseException) -> str:
    """The message of ``error`` without a worker's traceback or prefixes."""
    # str() of a KeyError is the repr of its message.
    text = error.args[0] if _is_key_error(error) else str(error)
    text = text.strip()
    if _WORKER.match(text):
        # Up to the end: a file's name may have line breaks in it.
        text = _FROM_WORKER.split(text)[-1].strip()
    if isinstance(error, UserError):
        # Of one line by itself: what breaks it is in the name of a file, in
        # which two spaces are two as well; or in what another library says.
        text = re.sub(r'\n\s+', ' ', text)
        text = text.replace('\n', '\\n').replace('\r', '\\r')
    else:
        text = ' '.join(text.split())
    return _BUILDING.sub('', text)


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
    fault = environment_fault(error)
    if fault:
        return fault
    if isinstance(error, AssertionError):
        broken = _BROKEN_IMAGE.match(one_line(error))
        return broken and (
            f'{broken[1]}: not a whole image; replace or remove the file'
        )
    if isinstance(error, MemoryError):
        return lack_of_memory(error)
    if isinstance(error, RuntimeError):
        return lost_process(one_line(error)) or lack_of_memory(error)
    if isinstance(error, (ConnectionError, EOFError)):
        return lost_in_the_loader(error)
    if not isinstance(error, OSError):
        return None
    if error.errno in _MENDS:
        place = error.filename or 'the output'
        if error.errno == errno.ELOOP:
            place = _link_in_a_circle(place)
        return f'{place}: {error.strerror}; {_MENDS[error.errno]}'
    if isinstance(error, FileNotFoundError):  # raised by a host, or a worker
        return f'{one_line(error)}; {_CHECK_PATH}'
    return None


def friendly_main(main: Callable) -> Callable:
    """Wrap ``main`` so that a mistake of the user costs one line.

    A :class:`UserError` is printed after ``error:`` on stderr and gives exit
    code 1.  Anything else is a fault of the program and keeps its traceback,
    which a report of it needs, and gives 2.  Ctrl-C gives 130, SIGTERM 143.
    With ``CDS_MM_DEBUG=1`` a user's mistake shows its traceback too.

    Returns:
        Callable: takes what ``main`` takes and returns the exit code, to be
        passed to ``sys.exit``.
    """

    @functools.wraps(main)
    def run(*args, **kwargs) -> int:
        end_with_launcher()
        try:
            with terminations_end(), interrupts_insist():
                code = main(*args, **kwargs) or 0
            _repeat_warnings()
            return code
        except (KeyboardInterrupt, Exception) as error:
            _let_workers_end()
            _repeat_warnings()
            code = _say(error)
        if is_rank():
            leave_at_once(code)
        return code

    return run


def _repeat_warnings() -> None:
    # Not imported: most commands have none, and it needs MMEngine.
    warnings = sys.modules.get('cds_mm.run_warnings')
    if warnings is not None:
        warnings.repeat_warnings()


def _say(error: BaseException) -> int:
    """Print how a command has ended; returns its exit code."""
    interrupt = interrupt_behind(error)
    if interrupt is not None:
        ended = isinstance(interrupt, Terminated)
        if is_first_rank():
            how = 'ended by SIGTERM' if ended else 'interrupted'
            print(f'{how}{_advice(interrupt)}', file=sys.stderr)
        return 128 + (signal.SIGTERM if ended else signal.SIGINT)
    message = user_message(error)
    _let_others_speak(message)
    if message is None or os.environ.get('CDS_MM_DEBUG'):
        traceback.print_exception(error)
    if message is None:
        if is_rank():  # other ranks may have said something after it
            print(
                f'error: a rank has failed: {_cause(error)}', file=sys.stderr
            )
        return 2
    print(f'error: {message}', file=sys.stderr)
    return 1


def _cause(error: BaseException) -> str:
    return f'{type(error).__name__}: {one_line(error)}'


def _advice(interrupt: KeyboardInterrupt) -> str:
    return f'; {interrupt}' if str(interrupt) else ''


def _let_others_speak(message):
    # A mistake in a config meets all ranks, and where rank 0 alone fails the
    # others lose their connection to it.  torchrun and srun end them as soon
    # as one has failed, so a rank that waits here speaks if rank 0 has not.
    # Of a rank that is lost the launcher of torchrun knows how it ended.
    if not is_first_rank() or (message == LOST_RANK and has_launcher()):
        time.sleep(_PATIENCE)


def _let_workers_end():
    """Keep PyTorch from reporting, at the exit, each worker that has ended."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _link_in_a_circle(path: str) -> str:
    """The link that a path goes round by, which may be many folders long."""
    place = os.path.abspath(path)
    above = [place]
    while os.path.dirname(place) != place:
        place = os.path.dirname(place)
        above.append(place)
    for place in reversed(above):
        if os.path.islink(place):
            target = os.path.realpath(place)
            if os.path.islink(target) or place.startswith(f'{target}{os.sep}'):
                return place
    return path


def _is_key_error(error):
    return (
        isinstance(error, KeyError)
        and error.args
        and isinstance(error.args[0], str)
    )
