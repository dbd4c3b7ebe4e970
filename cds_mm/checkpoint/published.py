"""Whether a file is the one whose hash stands in its name."""

import hashlib
import re
from pathlib import Path

from cds_mm.errors import UserError

# As `torch.hub`, MMEngine and `--publish` name files; a date is no hash.
_HASH = re.compile(r'-(?!(?:19|20)\d{6}\b)([0-9a-f]{8})\.(?:pth|pt)$')


def other_hash(path: str | Path) -> str | None:
    """The first 8 digits of a file's SHA-256 where its name has others.

    Args:
        path (str | Path): A file on this machine.

    Returns:
        str | None: None where the name says no hash, or the right one.
    """
    said = _HASH.search(Path(path).name)
    if not said:
        return None
    sha = hashlib.sha256()
    with Path(path).open('rb') as file:
        while block := file.read(1 << 20):
            sha.update(block)
    digits = sha.hexdigest()[:8]
    return None if digits == said[1] else digits


def check_published_name(path: str | Path) -> None:
    """Refuse a file of ours that is not the one that was published.

    Raises:
        UserError: Another hash than its name says.
    """
    digits = other_hash(path)
    if digits:
        raise UserError(
            f'{path}: its name says another hash than its content has '
            f'({digits}), so it was damaged or changed; copy it again, or '
            'take the hash out of its name'
        )
