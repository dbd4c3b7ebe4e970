"""A rank and the launcher that has started it."""

import multiprocessing
import os
import sys
import threading
import time

from cds_mm.errors import UserError

_LOOK_EVERY = 1.0  # seconds
FAILED = 1


def end_with_launcher() -> None:
    """End this rank when its launcher is gone.

    torchrun starts ranks in sessions of their own: a launcher that is killed
    leaves them training, and holding their GPUs.  Does nothing in a process
    that torchrun has not started.
    """
    if has_launcher():
        watch = threading.Thread(
            target=_watch, args=(os.getppid(),), daemon=True
        )
        watch.start()


def has_launcher() -> bool:
    """Whether torchrun has started this process."""
    return 'TORCHELASTIC_RUN_ID' in os.environ


def check_launcher(chosen: str) -> None:
    """Refuse to run alone where torchrun has started several processes.

    Args:
        chosen: value of ``--launcher``.

    Raises:
        UserError: each of them would do the whole run, to the same files.
    """
    processes = os.environ.get('WORLD_SIZE', '1')
    if chosen == 'none' and has_launcher() and processes != '1':
        raise UserError(
            f'--launcher none: torchrun has started {processes} processes, '
            'and each would run alone; add --launcher pytorch'
        )


def leave_at_once(code: int) -> None:
    """End this process and its workers, without finalisers.

    Those of process groups may wait for ranks that are gone.
    """
    for worker in multiprocessing.active_children():
        worker.terminate()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def is_first_rank() -> bool:
    """Whether a launcher has started this as its first process."""
    # torchrun, srun, mpirun.
    names = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')
    rank = next((os.environ[n] for n in names if os.environ.get(n)), '0')
    return rank == '0'


def is_rank() -> bool:
    """Whether this process has joined others in a process group."""
    # Not imported: most commands have no need of it.
    distributed = sys.modules.get('torch.distributed')
    return bool(
        distributed
        and distributed.is_available()
        and distributed.is_initialized()
    )


def _watch(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(_LOOK_EVERY)
    if is_first_rank():
        print(
            f'error: the launcher (process {launcher}) has ended without its '
            'ranks, which end now; go on with --resume',
            file=sys.stderr,
        )
    leave_at_once(FAILED)
