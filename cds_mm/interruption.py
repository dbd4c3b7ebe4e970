"""Ctrl-C and SIGTERM that end a command, wherever they meet it."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator

from cds_mm.launcher import has_launcher

# Seconds after which an interrupt that somebody has swallowed is raised again;
# longer than a loader takes to end its workers.
_AGAIN = 5.0


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what to do next as its text."""


class Terminated(Interrupted):
    """SIGTERM, as of a cluster that takes its machine back."""


def interrupt_behind(error: BaseException) -> KeyboardInterrupt | None:
    """The interrupt that has led to an error, if one has.

    Libraries make other errors of it: MMEngine's config, which is laid out
    at each checkpoint, a ``SyntaxError``.
    """
    seen: BaseException | None = error
    for _ in range(100):  # a chain may be a circle
        if seen is None or isinstance(seen, KeyboardInterrupt):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


@contextlib.contextmanager
def interrupts_insist() -> Iterator[None]:
    """Raise an interrupt again until it has reached the end of this block.

    Python drops what is raised in a finaliser or in a callback at a fork, and
    a run would train on.  Processes that are forked meanwhile, such as the
    workers of loaders, leave it to this one to end them.
    """
    usable = (
        threading.current_thread() is threading.main_thread()
        and hasattr(signal, 'setitimer')
        # Else somebody ignores it (nohup) or handles it himself.
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not usable:
        yield
        return
    owner = os.getpid()

    def interrupt(number, frame):
        if os.getpid() != owner:
            _be_silent()
            return
        for child in multiprocessing.active_children():
            with contextlib.suppress(OSError, TypeError):  # just ended
                os.kill(child.pid, signal.SIGINT)  # type: ignore[arg-type]
        signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if os.getpid() == owner:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def terminations_end() -> Iterator[None]:
    """Let SIGTERM end the block as an interrupt does; a second one at once.

    A launcher sends it to all other ranks when one has failed, which has
    said why: these are left to end without a word.
    """
    usable = (
        threading.current_thread() is threading.main_thread()
        and not has_launcher()
        and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    )
    if not usable:
        yield
        return
    owner = os.getpid()

    def terminate(number, frame):
        # From here on the system's own way, also in a worker.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if os.getpid() != owner:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        if os.getpid() == owner:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _be_silent() -> None:
    """In a worker: its threads would report that their reader is gone."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)
