"""How the machines of a run find each other, and what is said meanwhile."""

import datetime
import os
import sys
import threading
import time
from collections.abc import Callable

_SAY_EVERY = 30.0  # seconds
_LOOK_EVERY = 0.2  # seconds
# The first machine has to be there, so that a wrong address ends soon; the
# others may be started one by one.
REACH, MEET = 45.0, 600.0  # seconds
SETTING = 'MEETING_TIMEOUT'


def patience(setting: str | None) -> tuple[float, float]:
    """Seconds to wait for the first machine, and then for all of them.

    Args:
        setting: MEETING_TIMEOUT as the user has set it, for both.

    Raises:
        ValueError: it is no number of seconds.
    """
    if not setting:
        return REACH, MEET
    seconds = float(setting)
    if not 0 < seconds < 1e9:
        raise ValueError(setting)
    return seconds, seconds


class Meeting:
    """Ends this process by one line where the machines do not meet.

    torch's store takes a multiple of its timeout for an address that refuses
    it, and has none for one that is connected and never answers.

    Args:
        host: address of the first machine.
        port: of its store.
        reach: seconds within which it has to answer.
        meet: seconds within which all machines have to be there.
        fail: says how it ended; what it returns is the exit code.
    """

    def __init__(
        self,
        host: str,
        port: int,
        reach: float,
        meet: float,
        fail: Callable[[str], int],
    ):
        self._host, self._port = host, port
        self._reach, self._meet = reach, meet
        self._fail = fail
        self._answers = threading.Event()
        self._met = threading.Event()

    def __enter__(self) -> None:
        for work in (self._knock, self._watch):
            threading.Thread(target=work, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._met.set()

    def _knock(self) -> None:
        """Ask for an answer until there is one."""
        from torch.distributed import TCPStore

        limit = datetime.timedelta(seconds=max(1.0, self._reach))
        while not self._met.is_set():
            try:
                TCPStore(
                    self._host,
                    self._port,
                    is_master=False,
                    timeout=limit,
                    wait_for_workers=False,
                )
            except RuntimeError:
                time.sleep(_LOOK_EVERY)
            else:
                self._answers.set()
                return

    def _watch(self) -> None:
        begun = said = time.monotonic()
        where = f'MASTER_ADDR and PORT ({self._host}:{self._port})'
        while not self._met.wait(_LOOK_EVERY):
            now = time.monotonic()
            answers = self._answers.is_set()
            if not answers and now - begun > self._reach:
                self._end(
                    f'{where}: no first machine answers there within '
                    f'{self._reach:g} s; set both to those of the machine '
                    'with NODE_RANK=0, start it, and see that no firewall is '
                    f'between ({SETTING}=SECONDS waits longer)'
                )
            if now - begun > self._meet:
                self._end(
                    f'{where}: not all machines have met there within '
                    f'{self._meet:g} s; start this on all of them, each with '
                    f'its own NODE_RANK ({SETTING}=SECONDS waits longer)'
                )
            if now - said > _SAY_EVERY:
                said = now
                what = 'the other machines at' if answers else 'an answer from'
                left = (self._meet if answers else self._reach) - now + begun
                print(
                    f'waiting for {what} {self._host}:{self._port}, '
                    f'{left:.0f} s more',
                    file=sys.stderr,
                    flush=True,
                )

    def _end(self, text: str) -> None:
        code = self._fail(text)
        sys.stderr.flush()
        # The main thread waits in the store, which cannot be interrupted.
        os._exit(code)
