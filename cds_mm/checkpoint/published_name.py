"""The hash in the name of a published file, compared with the file."""

import hashlib
import re
from pathlib import Path

from cds_mm.checkpoint.record import RECORD_KEY
from cds_mm.errors import UserError

_PUBLISHED = re.compile(r'-([0-9a-f]{8})\.(?:pth|safetensors)')
_CHUNK = 16 << 20  # bytes


def check_name(path: str | Path, content: dict) -> None:
    """Compare a published file with the digits in its name.

    Args:
        path: the file; ``write_checkpoint`` puts the first 8 digits of its
            SHA-256 into its name where it publishes.
        content: of the file, whose record says that it was published.

    Raises:
        UserError: it is another file, or a damaged one.
    """
    meta = content.get('meta')
    record = meta.get(RECORD_KEY) if isinstance(meta, dict) else None
    if isinstance(record, dict) and record.get('published') is True:
        difference = name_difference(path)
        if difference:
            raise UserError(
                f'{path}: {difference}: the file is damaged or another one; '
                'copy it again, or take the digits out of its name if you '
                'know that it is right'
            )


def name_difference(path: str | Path) -> str:
    """How a file differs from the hash in its name; empty if not at all.

    Args:
        path: the file.  Other programs put dates and versions where this
            one puts a hash, so that a difference alone proves nothing.
    """
    digits = _PUBLISHED.search(Path(path).name)
    found = _sha256(path)[:8] if digits else ''
    if not digits or found == digits[1]:
        return ''
    return (
        f'its name says that its SHA-256 starts with {digits[1]}, but it '
        f'starts with {found}'
    )


def _sha256(path: str | Path) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
