"""Files that the converter wrote, and others with a record."""

from collections.abc import Callable
from pathlib import Path

from cds_mm.checkpoint.reading import read_checkpoint
from cds_mm.checkpoint.record import BackboneRecord, recorded
from cds_mm.errors import UserError


def read_fingerprinted(
    path: str | Path, checkpoint: dict | None = None
) -> tuple[dict, BackboneRecord]:
    """The weights and the record of a converted file.

    Args:
        path (str | Path): The file.
        checkpoint (dict | None): What it holds, where it is open.

    Returns:
        tuple[dict, BackboneRecord]: Bare state dict, and the record with
        its fingerprint.

    Raises:
        UserError: It cannot be read, or carries no fingerprint.
    """
    if checkpoint is None:
        checkpoint = read_checkpoint(path)
    record = recorded(checkpoint, path)
    state = checkpoint.get('state_dict')
    if not (record and record.fingerprint and isinstance(state, dict)):
        raise UserError(
            f'{path}: carries no fingerprint; convert the training '
            'checkpoint with tools/convert_backbone.py first'
        )
    # As it stands: what lies under a prefix would not be loaded either.
    return state, record


def carries_record(
    path: str | Path, read: Callable[[], dict] | None = None
) -> BackboneRecord | None:
    """The record in a file of this project; none without one; never raises.

    Args:
        path (str | Path): Any path or URL; only local files can have it.
        read (callable | None): Gives what the file holds, where it is open
            already.
    """
    try:
        if not Path(path).is_file():
            return None
        checkpoint = read() if read else read_checkpoint(path)
        return recorded(checkpoint, path)
    except (UserError, OSError, ValueError, TypeError):
        return None


def carries_fingerprint(
    path: str | Path, read: Callable[[], dict] | None = None
) -> bool:
    """Whether a file has what ``check_file`` needs; never raises.

    Args:
        path (str | Path): As of :func:`carries_record`.
        read (callable | None): As of :func:`carries_record`.
    """
    record = carries_record(path, read)
    return bool(record and record.fingerprint)
