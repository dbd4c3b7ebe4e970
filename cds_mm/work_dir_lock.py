"""One run at a time writes into a work dir."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from cds_mm.errors import UserError
from cds_mm.files import folder_for_now
from cds_mm.launcher import is_first_rank

NAME = '.running'


@contextlib.contextmanager
def work_dir_lock(work_dir: str | Path) -> Iterator[None]:
    """Hold a work dir; of several ranks the first does it for all.

    The lock is one of the system's on a file, which goes with the process
    however that ends, so that what a killed run leaves blocks nobody.  The
    file says who holds it.  Where a file system has no locks, there is none.

    Raises:
        UserError: another run holds it.
    """
    if not is_first_rank():
        yield
        return
    with folder_for_now(Path(work_dir)) as folder:
        path = folder / NAME
        descriptor = _locked(path)
        try:
            yield
        finally:
            if descriptor is not None:
                path.unlink(missing_ok=True)
                os.close(descriptor)


def _locked(path: Path) -> int | None:
    try:
        # Not flock: children that were forked would go on holding it.
        from fcntl import LOCK_EX, LOCK_NB, lockf
    except ImportError:  # Windows
        return None
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            lockf(descriptor, LOCK_EX | LOCK_NB)
            if not _is_still_there(path, descriptor):
                os.close(descriptor)  # its last holder has just removed it
                continue
            os.ftruncate(descriptor, 0)
            os.write(descriptor, _me().encode())
            return descriptor
        except (BlockingIOError, PermissionError) as error:
            holder = os.read(descriptor, 500).decode(errors='replace')
            os.close(descriptor)
            raise UserError(
                f'{path.parent}: another run is writing there '
                f'({holder.strip() or "it has just begun"}); wait for its '
                'end, or choose another folder with --work-dir'
            ) from error
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            return None


def _is_still_there(path: Path, descriptor: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        there, mine = os.stat(path), os.fstat(descriptor)
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
    return False


def _me() -> str:
    return f'process {os.getpid()} on {socket.gethostname()}\n'
