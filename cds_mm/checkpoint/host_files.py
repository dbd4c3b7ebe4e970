"""The one reader of pickles for whatever MMEngine loads that is no checkpoint.

``mmengine.load`` reads annotations, proposals and results by the ending of
their name, and runs what is in a pickle.
"""

from typing import IO, Any

from mmengine.fileio import PickleHandler, register_handler

from cds_mm.checkpoint.host_values import for_host
from cds_mm.checkpoint.safe import Refused, RunsCode, read_data
from cds_mm.errors import UserError
from cds_mm.files import asked_name


class PlainPickleHandler(PickleHandler):
    """MMEngine's handler, which reads data only; it writes as before."""

    def load_from_fileobj(self, file: IO[bytes], **kwargs: object) -> Any:
        """Read a pickle.

        Args:
            file: open.
            **kwargs: of ``pickle.load``, which are about Python 2: its texts
                are read as Latin-1.

        Raises:
            UserError: it is damaged, or holds more than plain values,
                containers, arrays, tensors and InstanceData.
        """
        try:
            return for_host(read_data(file.read()))
        except RunsCode as error:
            raise UserError(
                f'{asked_name(file)}: refused, because reading it would run '
                f'{error.name}, which is no plain data; nothing was run; save '
                'it again as lists, dicts, numbers, texts and NumPy arrays'
            ) from error
        except Refused as error:
            raise UserError(
                f'{asked_name(file)}: {error.reason}; {error.fix}'
            ) from error


def register() -> None:
    """Let MMEngine read pickles in this process with our reader only."""
    register_handler(['pickle', 'pkl'])(PlainPickleHandler)
