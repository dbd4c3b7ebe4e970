"""What libraries say when another process of the run has ended."""

import re
import traceback

_WORKER = re.compile(
    r'DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) (?:is killed by signal: '
    r'([\w ]+)|exited unexpectedly)'
)
# Gloo's, NCCL's and the store's, by what they share.
_RANK = re.compile(
    r'connection closed by peer|connection reset by peer|broken pipe'
    r'|remote process exited|socket timeout|failed to recv, got 0 bytes'
    r'|timed out waiting .*ms for (?:recv|send) operation',
    re.I,
)
_MEMORY = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory"
    r'|not enough memory',
    re.I,
)
_ASKED = re.compile(r'ried to allocate ([\d.]+ (?:[KMGT]i?B|bytes))')
_OF_RANKS = re.compile(r'gloo|nccl|tcpstore|store|distributed', re.I)


_ENDED = 'has ended'
LOST_RANK = (
    'the connection to another rank is lost, so that one has ended; see what '
    'it says, then resume'
)


def lost_process(text: str) -> str | None:
    """The line for a process that is gone, None where ``text`` is of others.

    Args:
        text: of a RuntimeError, on one line.
    """
    worker = _WORKER.search(text)
    if worker:
        how = f'was ended by the signal {worker[2]!r}' if worker[2] else _ENDED
        return _of_worker(f' (process {worker[1]}) {how}')
    if _RANK.search(text) and _OF_RANKS.search(text):
        return LOST_RANK
    return None


def lack_of_memory(error: BaseException) -> str | None:
    """The line for memory that is not there, None for another error.

    Args:
        error: of Python, of torch's allocators, or of the system.
    """
    text = ' '.join(str(error).split())
    found = _MEMORY.search(text)
    if not isinstance(error, MemoryError) and not found:
        return None
    asked = _ASKED.search(text)
    of_gpu = 'CUDA' in text or 'HIP' in text
    what = f' ({asked[1]} more were asked for)' if asked else ''
    return (
        f'there is not enough memory{" on the GPU" if of_gpu else ""}{what}; '
        'lower batch_size'
        + ('' if of_gpu else ' or num_workers')
        + ' of the loader, then resume'
    )


def lost_in_the_loader(error: BaseException) -> str | None:
    """The line for a connection that broke while a batch was handed over.

    Args:
        error: of a pipe or a socket; None is returned where another
            connection than that to a worker broke.
    """
    if str(error).startswith('Caught '):  # raised in the worker, by its data
        return None
    names = [
        frame.f_globals.get('__name__', '')
        for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    handed_over = any(name.startswith('multiprocessing.') for name in names)
    if handed_over and 'torch.utils.data.dataloader' in names:
        return _of_worker(f' {_ENDED}')
    return None


def _of_worker(what: str) -> str:
    return (
        f'a worker of a data loader{what}, which mostly is the system out of '
        'memory, or /dev/shm full: lower num_workers or batch_size of the '
        'loader, then resume'
    )
