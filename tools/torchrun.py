"""torchrun without its screenful about a rank that has failed.

The rank itself has said what is wrong; its exit code becomes ours.
"""

import logging
import signal
import sys

from torch.distributed import DistNetworkError, run
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError


def main() -> int:
    """Run the ranks; arguments are those of torchrun."""
    logging.getLogger('torch.distributed.elastic').setLevel(logging.CRITICAL)
    args = run.parse_args(sys.argv[1:])
    try:
        run.run(args)
    except DistNetworkError as error:
        if 'EADDRINUSE' not in str(error):
            raise
        print(
            f'error: port {args.master_port} is taken on this machine; set '
            'PORT to another (on one machine, leave it unset)',
            file=sys.stderr,
        )
        return 1
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode > 0:
            return failure.exitcode
        # A signal leaves the rank no time to say anything.
        name = signal.Signals(-failure.exitcode).name
        print(
            f'error: rank {rank} was ended by {name}; SIGKILL is mostly the '
            'system out of memory: take a smaller batch or fewer workers',
            file=sys.stderr,
        )
        return 128 - failure.exitcode
    return 0


if __name__ == '__main__':
    sys.exit(main())
