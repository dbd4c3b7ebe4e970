"""Pickles of Python that torch has not written."""

import os
import pickle
from pathlib import Path
from typing import Any

_START, _END = b'\x80', b'.'
# The number with which torch's first layouts begin, as a pickle.
_OF_TORCH = b'\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'


def is_plain_pickle(path: Path) -> bool:
    """Whether a file looks like one pickle that is not torch's."""
    with path.open('rb') as file:
        start = file.read(2 + len(_OF_TORCH))
        file.seek(0, os.SEEK_END)
        if file.tell() < 3:
            return False
        file.seek(-1, os.SEEK_END)
        end = file.read(1)
    whole = start[:1] == _START and end == _END
    return whole and start[2:] != _OF_TORCH


def load_plain_pickle(path: Path) -> Any:
    """What it holds, with everything run that it wants to run.

    Args:
        path: a file whose origin is trusted as that of a program.
    """
    with path.open('rb') as file:
        return pickle.load(file, encoding='latin1')
