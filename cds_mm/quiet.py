"""Importing the hosts without what they print about themselves."""

import contextlib
import io
import warnings
from collections.abc import Iterator


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
