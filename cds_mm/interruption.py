"""Ctrl-C that ends a command, wherever it meets it."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator

# Seconds after which an interrupt that somebody has swallowed is raised again;
# longer than a loader takes to end its workers.
_AGAIN = 5.0


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what to do next as its text."""


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


def _be_silent() -> None:
    """In a worker: its threads would report that their reader is gone."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)
