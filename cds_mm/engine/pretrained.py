"""The file that a detector's backbone starts from, opened once."""

from functools import cached_property
from pathlib import Path

from cds_mm.checkpoint import carries_fingerprint
from cds_mm.checkpoint.host_loader import is_remote
from cds_mm.checkpoint.reading import read_for_run
from cds_mm.errors import UserError


class PretrainedFile:
    """A checkpoint that several checks look at.

    Args:
        path: as ``init_cfg`` names it, also a URL.
    """

    def __init__(self, path: str):
        self.path = path

    @property
    def is_local(self) -> bool:
        """Whether it is a path on this machine, and not a URL."""
        return not is_remote(self.path)

    @property
    def exists(self) -> bool:
        """Whether there is such a file."""
        return Path(self.path).exists()

    def read(self) -> dict:
        """What the file holds; the file is opened the first time only.

        Raises:
            UserError: as of :func:`cds_mm.checkpoint.read_checkpoint`.
        """
        content, error = self._outcome
        if error is not None:
            raise error
        return content

    @cached_property
    def _outcome(self) -> tuple[dict, UserError | None]:
        try:
            return read_for_run(self.path), None
        except UserError as error:
            return {}, error

    @cached_property
    def has_fingerprint(self) -> bool:
        """Whether it can be compared with a detector; never raises."""
        return self.is_local and carries_fingerprint(self.path, self.read)
