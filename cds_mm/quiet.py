"""Importing the hosts without what they print about themselves."""

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator

# Of the hosts about themselves: nothing in these that a user could act on.
# What PyTorch says about a training is always shown.
_NOISE = (
    ('.*Only use .alpha. for pillow backend.*', UserWarning),
    ('.*faster_coco_eval.*', UserWarning),
    ('pkg_resources is deprecated.*', UserWarning),
    ('.*MultiScaleDeformableAttention.*', UserWarning),
    ('.*_NUM_THREADS environment variable.*', UserWarning),
    # MMEngine passes the argument under its deprecated name.
    ('.broadcast_buffers. is deprecated.*', FutureWarning),
)


def ignore_noise() -> None:
    """Filter the warnings of the hosts about themselves, from now on."""
    for message, category in _NOISE:
        warnings.filterwarnings('ignore', message, category)


@contextlib.contextmanager
def quiet_hosts_load() -> Iterator[None]:
    """Load in here what imports MMPretrain or MMDetection.

    They print while they are imported ("Could not import OneDL", "Line NMS
    is not compiled"), whatever the level of the log: nothing that a user
    could act on.
    """
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter('ignore')
        yield


@contextlib.contextmanager
def quiet_decoders() -> Iterator[None]:
    """Drop what image libraries write to stderr of a broken file.

    They write past Python, to the descriptor, one line or more a file;
    the caller says what was wrong instead.
    """
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
