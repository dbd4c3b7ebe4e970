"""A folder of files that is there as a whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cds_mm.errors import UserError
from cds_mm.files import folder_for_now

_SHOWN = 60  # letters of a long name


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that gets its name when all is in it.

    Args:
        path: the folder; absent or empty.  Those above it are made.

    Yields:
        Path: where its files are to be written.

    Raises:
        UserError: it cannot be made; nothing is left behind.
    """
    path = path.absolute()
    temporary = None
    try:
        with folder_for_now(path.parent) as above:
            prefix = f'.{path.name[:_SHOWN]}.'
            temporary = tempfile.mkdtemp('.tmp', prefix, above)
            try:
                yield Path(temporary)
                os.chmod(temporary, _usual_mode())
                os.rename(temporary, path)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise UserError(
            f'{path}: cannot be written ({error.strerror or error}); nothing '
            'was left behind; free some space or choose another place'
        ) from error


def _usual_mode() -> int:
    # mkdtemp makes private folders; this one is as public as its umask.
    mask = os.umask(0)
    os.umask(mask)
    return 0o777 & ~mask
