"""Time on a device, taken without waiting for it."""

import time

import torch


class Stopwatch:
    """Seconds that pieces of work take where they run.

    On a CPU the time of the last piece; on a GPU that of the last piece that
    is over, as its events tell, since waiting would cost more than it shows.

    Attributes:
        seconds: of that piece, 0.0 before there is one.
    """

    def __init__(self):
        self.seconds = 0.0
        self._pending = []

    # A clock is nothing to compile.
    @torch.compiler.disable
    def start(self, device: torch.device) -> None:
        """Begin a piece of work on a device."""
        self._mark = _mark(device)

    @torch.compiler.disable
    def stop(self, device: torch.device) -> None:
        """End it."""
        begin, end = self._mark, _mark(device)
        if device.type != 'cuda':
            self.seconds = end - begin
            return
        self._pending.append((begin, end))
        while self._pending and self._pending[0][1].query():
            begin, end = self._pending.pop(0)
            self.seconds = begin.elapsed_time(end) / 1000


def _mark(device):
    if device.type != 'cuda':
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event
