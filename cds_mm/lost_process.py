"""What libraries say when another process of the run has ended."""

import re

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
_OF_RANKS = re.compile(r'gloo|nccl|tcpstore|store|distributed', re.I)


def lost_process(text: str) -> str | None:
    """The line for a process that is gone, None where ``text`` is of others.

    Args:
        text: of a RuntimeError, on one line.
    """
    worker = _WORKER.search(text)
    if worker:
        how = 'has ended'
        if worker[2]:
            how = f'was ended by the signal {worker[2]!r}'
        return (
            f'a worker of a data loader (process {worker[1]}) {how}, which '
            'mostly is the system out of memory, or /dev/shm full: lower '
            'num_workers or batch_size of the loader, then resume'
        )
    if _RANK.search(text) and _OF_RANKS.search(text):
        return (
            'the connection to another rank is lost, so that one has ended; '
            'see what it says, then resume'
        )
    return None
