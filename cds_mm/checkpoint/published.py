"""Whether a file is the one whose hash stands in its name."""

import hashlib
import re
from pathlib import Path

from cds_mm.checkpoint.record import RECORD_KEY
from cds_mm.errors import UserError

# As `torch.hub`, MMEngine and `--publish` name files; a date is no hash.
_NAMED = re.compile(
    r'-(?!(?:19|20)\d{6}\.)([0-9a-f]{8})\.(?:pth|pt|safetensors)$'
)
_CHUNK = 1 << 20  # bytes


def check_name(path: str | Path, content: dict) -> None:
    """Compare a published file of this project with the digits in its name.

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
        difference = _difference(path)
        if difference:
            raise UserError(
                f'{path}: {difference}: the file is damaged or another one; '
                'copy it again, or take the digits out of its name if you '
                'know that it is right'
            )


def doubtful_name(path: str | Path) -> str:
    """How a file differs from the hash in its name; empty if not at all.

    Args:
        path: a file of another program.  Many put dates and counts where
            ``torch.hub`` puts a hash, so that decimal digits say nothing and
            a difference is no more than a doubt.
    """
    digits = _NAMED.search(Path(path).name)
    return '' if digits and digits[1].isdecimal() else _difference(path)


def _difference(path) -> str:
    digits = _NAMED.search(Path(path).name)
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
