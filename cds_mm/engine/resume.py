"""Finding the checkpoint to go on from."""

import re
import zipfile
from pathlib import Path

from cds_mm.errors import UserError

_NUMBERED = re.compile(r'(?:epoch|iter)_(\d+)\.pth')


def latest_checkpoint(work_dir: str) -> Path:
    """The newest whole ``epoch_N.pth`` or ``iter_N.pth`` of a work dir.

    The host's ``last_checkpoint`` file is not read: it holds an absolute
    path, which misleads once the folder is moved or copied, and it is
    written in place, so that a kill can leave it empty.

    Raises:
        UserError: there is none.
    """
    found = sorted(
        (int(match[1]), path)
        for path in Path(work_dir).glob('*.pth')
        if (match := _NUMBERED.fullmatch(path.name))
    )
    for _, path in reversed(found):
        # torch writes zip archives, whose directory stands at the end.
        if zipfile.is_zipfile(path):
            return path
    raise UserError(
        f'--resume: there is no checkpoint in {work_dir}; start without '
        '--resume, or name the file: --resume FILE'
    )
