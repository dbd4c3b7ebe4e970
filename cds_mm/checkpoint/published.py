"""Whether a file is the one whose hash stands in its name."""

import functools
import hashlib
import os
import re
from pathlib import Path

from cds_mm.checkpoint.record import RECORD_KEY
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn, warnings_so_far

# As `torch.hub` (8 digits or more), MMEngine and `--publish` name files, and
# some behind a date; a date itself is no hash.
_NAMED = re.compile(
    r'(?:-|_(?:19|20)\d{6}_)(?!(?:19|20)\d{6}\.)([0-9a-f]{8,64})'
    r'\.(?:pth|pt|pkl|safetensors)(?:\.tar)?$'
)
_CHUNK = 1 << 20  # bytes


def check_for_run(path: str | Path, content: object) -> None:
    """Compare a file that a run is about to load with the hash in its name.

    Whether it was downloaded or is a file of the user.

    Args:
        path: the file.
        content: what it holds.

    Raises:
        UserError: as of :func:`check_name`; of another program's file the
            difference is a warning.
    """
    if isinstance(content, dict) and _is_published(content):
        check_name(path, content)
        return
    doubt = doubtful_name(path)
    said = (
        f'{path}: {doubt}; it was damaged or changed (or named by '
        "MMEngine's CheckpointHook, whose digits are not of the file): remove "
        'it, and copy or download it again'
    )
    # Checks read a file before MMEngine does.
    if doubt and said not in warnings_so_far():
        warn(said)


def check_name(path: str | Path, content: dict) -> None:
    """Compare a published file of this project with the digits in its name.

    Args:
        path: the file; ``write_checkpoint`` puts the first 8 digits of its
            SHA-256 into its name where it publishes.
        content: of the file, whose record says that it was published.

    Raises:
        UserError: it is another file, or a damaged one.
    """
    if _is_published(content):
        difference = _difference(path)
        if difference:
            raise UserError(
                f'{path}: {difference}: the file is damaged or another one; '
                'copy it again, or take the digits out of its name if you '
                'know that it is right'
            )


def _is_published(content: dict) -> bool:
    meta = content.get('meta')
    record = meta.get(RECORD_KEY) if isinstance(meta, dict) else None
    return isinstance(record, dict) and record.get('published') is True


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
    if not digits:
        return ''
    found = _hash_of(path)[: len(digits[1])]
    if found == digits[1]:
        return ''
    return (
        f'its name says that its SHA-256 starts with {digits[1]}, but it '
        f'starts with {found}'
    )


def _hash_of(path: str | Path) -> str:
    facts = os.stat(path)
    return _sha256(str(path), facts.st_size, facts.st_mtime_ns)


# A run looks at a file before it starts, and when MMEngine loads it.
@functools.lru_cache(maxsize=16)
def _sha256(path: str, size: int, changed: int) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
