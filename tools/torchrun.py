"""torchrun without its screenful about a rank that has failed.

The rank itself has said what is wrong; its exit code becomes ours.
"""

import argparse
import logging
import math
import os
import signal
import socket
import sys

# The store's stack of C++ for each attempt to reach the first machine.  It is
# read at the import; the ranks get the user's own.
_LEVEL = 'TORCH_CPP_LOG_LEVEL'
_given = os.environ.get(_LEVEL)
os.environ.setdefault(_LEVEL, 'FATAL')

from torch.distributed import (  # noqa: E402
    DistNetworkError,
    DistStoreError,
    run,
)
from torch.distributed.elastic.multiprocessing import (  # noqa: E402
    SignalException,
)
from torch.distributed.elastic.multiprocessing.errors import (  # noqa: E402
    ChildFailedError,
)
from torch.distributed.elastic.rendezvous.static_tcp_rendezvous import (  # noqa: E402
    StaticTCPRendezvous,
)

if _given is None:
    del os.environ[_LEVEL]

from cds_mm.meeting import SETTING, Meeting, patience  # noqa: E402


def main() -> int:
    """Run the ranks; arguments are those of torchrun."""
    logging.disable(logging.CRITICAL)  # its loggers have levels of their own
    args = run.parse_args(sys.argv[1:])
    if not args.standalone:
        fault = _prepare_meeting(args)
        if fault:
            return _fail(fault)
    try:
        run.run(args)
    except SignalException as error:
        # Ranks have got the signal too; at Ctrl-C the first says how to go on.
        if error.sigval == signal.SIGTERM:
            print(
                'ended by SIGTERM; go on with --resume where a checkpoint '
                'was saved',
                file=sys.stderr,
            )
        return 128 + error.sigval
    except RuntimeError as error:
        # In torch 2.6 this one is of no class of its own.
        if 'EADDRINUSE' in str(error):
            return _fail(
                f'port {args.master_port} is taken on this machine; set '
                'PORT to another (on one machine, leave it unset)'
            )
        if not isinstance(error, (DistNetworkError, DistStoreError)):
            raise
        return _fail(
            f'MASTER_ADDR and PORT ({args.master_addr}:{args.master_port}): '
            'the machines have lost each other while they met; see what the '
            'others say, and start this on all of them again'
        )
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode > 0:
            return failure.exitcode
        # A signal leaves the rank no time to say anything.
        name = signal.Signals(-failure.exitcode).name
        _fail(
            f'rank {rank} was ended by {name}; SIGKILL is mostly the '
            'system out of memory: take a smaller batch or fewer workers'
        )
        return 128 - failure.exitcode
    return 0


def _prepare_meeting(args: argparse.Namespace) -> str:
    """Set how long machines wait for each other; says what forbids it."""
    unknown = _unknown_address(args.master_addr)
    if unknown:
        return (
            f'MASTER_ADDR={args.master_addr}: is no address that this '
            f'machine knows ({unknown}); set it to that of the first '
            'machine, as the others reach it'
        )
    given = os.environ.get(SETTING)
    try:
        reach, meet = patience(given)
    except ValueError:
        return f'{SETTING}={given}: must be a number of seconds'
    _watch_the_meeting(
        Meeting(args.master_addr, args.master_port, reach, meet, _fail)
    )
    if not args.rdzv_conf:
        # Ends later by itself than we end it.
        args.rdzv_conf = f'timeout={2 * math.ceil(meet)}'
    return ''


def _watch_the_meeting(meeting: Meeting) -> None:
    """Look after the moment in which the launchers of all machines meet."""
    meet = getattr(StaticTCPRendezvous, 'next_rendezvous', None)
    if meet is None:  # of another version of torch: without the watch
        return

    def next_rendezvous(self):
        with meeting:
            return meet(self)

    StaticTCPRendezvous.next_rendezvous = next_rendezvous  # type: ignore[method-assign]


def _unknown_address(name: str) -> str:
    """Why a name cannot be resolved; empty where it can."""
    try:
        socket.getaddrinfo(name, None)
    except OSError as error:
        return error.strerror or str(error)
    return ''


def _fail(said: str) -> int:
    print(f'error: {said}', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main())
