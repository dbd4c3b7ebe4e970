"""A file that a run starts from, opened once."""

from functools import cached_property
from pathlib import Path

from cds_mm.checkpoint import BackboneRecord
from cds_mm.checkpoint.converted_file import carries_record
from cds_mm.checkpoint.host_loader import is_remote
from cds_mm.checkpoint.reading import read_for_run
from cds_mm.errors import UserError


class PretrainedFile:
    """A checkpoint that several checks look at.

    Args:
        path: as ``init_cfg`` or ``load_from`` names it, also a URL.
        prefix: of the ``init_cfg``, under which its keys are; 'backbone.' for
            ``load_from``.
    """

    def __init__(self, path: str, prefix: str | None = None):
        self.path = path
        self.prefix = prefix
        self._outcome: tuple[dict, UserError | None] | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is a path on this machine, and not a URL."""
        return not is_remote(self.path)

    @property
    def exists(self) -> bool:
        """Whether there is such a file."""
        return Path(self.path).exists()

    def read(self) -> dict:
        """What the file holds; it is opened once, until :meth:`release`.

        Raises:
            UserError: as of :func:`cds_mm.checkpoint.read_checkpoint`.
        """
        if self._outcome is None:
            try:
                self._outcome = read_for_run(self.path), None
            except UserError as error:
                self._outcome = {}, error
        content, refusal = self._outcome
        if refusal is not None:
            raise refusal
        return content

    def release(self) -> None:
        """Give the memory back, once all checks have looked."""
        self._outcome = None

    @cached_property
    def record(self) -> BackboneRecord | None:
        """What it says of its backbone, where it is of this project."""
        return carries_record(self.path, self.read) if self.is_local else None
