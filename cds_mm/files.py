"""Files that are there whole or not at all."""

import contextlib
import inspect
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, TypeAlias

from cds_mm.errors import UserError
from cds_mm.launcher import is_first_rank

# The bytes, or what writes them into an open file.
Content: TypeAlias = bytes | Callable[[BinaryIO], object]

_SHOWN = 60  # letters of a long name


def atomic_write(path: str | Path, content: Content) -> Path:
    """Writes a file so that nobody ever sees half of it.

    The bytes go to a temporary file in the same folder (a rename is atomic
    within one file system only), reach the disk, and take the name last.
    Until then an older file of that name stays as it was.

    Args:
        path (str | Path): The file to write; its folder must exist.
        content (bytes | callable): What to write, or a function that writes
            it into the open binary file that it is given.

    Returns:
        Path: ``path``.

    Raises:
        UserError: The folder is missing or not writable, the disk is full,
            or the name is that of a device; nothing is left behind.
    """
    path = Path(path)
    check_replaceable(path)
    temporary = None
    try:
        prefix = f'.{path.name[:_SHOWN]}.'  # the whole may be too long
        descriptor, temporary = tempfile.mkstemp('.tmp', prefix, path.parent)
        with os.fdopen(descriptor, 'wb') as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _usual_mode())
        os.replace(temporary, path)
        temporary = None
    except (OSError, RuntimeError) as error:
        cause = _os_error_behind(error)
        if cause is None:
            raise
        reason = cause.strerror or str(cause)
        raise UserError(
            f'{path}: cannot be written ({reason}); nothing was left behind; '
            'free some space or choose another place'
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    _sync_folder(path.parent)
    return path


def check_replaceable(path: str | Path) -> None:
    """Say that a name cannot be given to a new file.

    A rename would put a file in the place of a device or a pipe.

    Args:
        path: regular file, or a name that is free.

    Raises:
        UserError: it is something else, or too long.
    """
    path = Path(path)
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except NotADirectoryError:
        return  # said where it is written
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or str(error)
        raise UserError(
            f'{str(path)[:_SHOWN]}...: cannot be a file ({reason}); choose '
            'another name'
        ) from error
    if path.is_file():
        return
    if path.is_dir():
        raise UserError(f'{path}: is a folder; give the name of a file in it')
    if stat.S_ISLNK(found.st_mode) and not path.exists():
        what = 'a link to what is not there'
    else:
        what = 'a pipe or a device and no file'
    raise UserError(f'{path}: is {what}; choose another name')


def _os_error_behind(error: BaseException) -> OSError | None:
    """The OSError in a chain: torch's writer wraps it in a RuntimeError."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _usual_mode() -> int:
    # mkstemp makes private files; a checkpoint is as public as its umask.
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself durable, where folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def folder_for_now(path: Path) -> Iterator[Path]:
    """Makes a folder; what is empty of it at the end goes again.

    Args:
        path (Path): The folder; those above it are made too.

    Yields:
        Path: ``path``, absolute.

    Raises:
        OSError: It cannot be made.
    """
    path = path.absolute()
    made = [place for place in (path, *path.parents) if not place.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield path
    finally:
        for folder in made:  # the innermost first
            # Not there, or somebody has put something into it.
            with contextlib.suppress(OSError):
                folder.rmdir()


def check_writable(path: str, option: str) -> None:
    """Make a folder and write into it, as a run is going to.

    What is made here goes again: whatever is checked later may fail.

    Args:
        path: the folder.
        option: that names it on the command line.

    Raises:
        UserError: it cannot be made, or not be written to.
    """
    # The other ranks write nothing there, and would meet its removal.
    if not is_first_rank():
        return
    try:
        with (
            folder_for_now(Path(path)) as folder,
            tempfile.TemporaryFile(dir=folder) as file,
        ):
            file.write(b'.')
    except OSError as error:
        raise UserError(
            f'{path}: cannot be written to ({error.strerror}); choose '
            f'another place with {option}, or free some space'
        ) from error


def asked_name(file: object) -> str:
    """The path that ``mmengine.load`` was asked for.

    It hands its handlers the content only, which has no name.

    Args:
        file: what the handler was given.
    """
    frame = inspect.currentframe()
    while frame is not None:
        asked = frame.f_locals.get('file')
        of_host = frame.f_globals.get('__name__', '').startswith('mmengine.')
        if of_host and isinstance(asked, str):
            return asked
        frame = frame.f_back
    return str(getattr(file, 'name', 'a file'))


def check_output(
    path: str | Path, option: str, what: str = '', suffixes: Sequence[str] = ()
) -> None:
    """Say before the work that its result could not be written.

    Args:
        path: the file.
        option: that names it on the command line.
        what: is written, for people, where the suffix matters.
        suffixes: that its name may have, in lower case; any unless given.

    Raises:
        UserError: it has another suffix, is no name for a file, or its folder
            cannot be made or written to.
    """
    if suffixes and Path(path).suffix.lower() not in suffixes:
        raise UserError(
            f'{option} {path}: {what} written as {", ".join(suffixes)}; '
            'name it so'
        )
    check_replaceable(path)
    check_writable(str(Path(path).parent), option)
