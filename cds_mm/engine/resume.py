"""Finding the checkpoint to go on from."""

import os
import re
import shlex
import zipfile
from pathlib import Path

from cds_mm.config.resumed import is_over
from cds_mm.errors import UserError

_NUMBERED = re.compile(r'(?:epoch|iter)_(\d+)\.pth')


def checkpoint_folders(cfg) -> list[str]:
    """Where the checkpoints of a run may be: its work dir, and ``out_dir``.

    In the checkpoint hook's own ``out_dir`` the host makes a folder with the
    name of the work dir.
    """
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    out_dir = hook.get('out_dir')
    work_dir = os.path.abspath(cfg.work_dir)
    # A remote store cannot be listed here; its file has to be named.
    if out_dir is None or '://' in str(out_dir):
        return [cfg.work_dir]
    return [cfg.work_dir, os.path.join(out_dir, os.path.basename(work_dir))]


def nothing_left(cfg, meta: dict, can_be_longer: bool = True) -> str:
    """The line for a checkpoint that is at the end of its run.

    Args:
        cfg (Config): of the run that resumes from ``load_from``.
        meta: what the checkpoint says of itself.
        can_be_longer: whether its schedule would go on in a longer run.

    Returns:
        str: empty where there is something left to train.
    """
    limit = is_over(cfg, meta)
    if limit is None:
        return ''
    name = Path(cfg.load_from).name
    done = f'{cfg.train_cfg[limit]} {limit.removeprefix("max_")}'
    option = shlex.quote(f'load_from={cfg.load_from}')
    longer = (
        f'raise train_cfg.{limit} to go on'
        if can_be_longer
        else 'its schedule is used up: leave --resume out and start a new one '
        f'from its weights with --cfg-options {option}'
    )
    return f'nothing left to train: {name} has all {done}; {longer}'


def latest_checkpoint(*folders: str | Path) -> Path:
    """The newest whole ``epoch_N.pth`` or ``iter_N.pth`` of some folders.

    The host's ``last_checkpoint`` file is not read: it holds an absolute
    path, which misleads once the folder is moved or copied, and it is
    written in place, so that a kill can leave it empty.

    Raises:
        UserError: there is none.
    """
    found = sorted(
        (int(match[1]), path)
        for folder in folders
        for path in Path(folder).glob('*.pth')
        if (match := _NUMBERED.fullmatch(path.name))
    )
    for _, path in reversed(found):
        # torch writes zip archives, whose directory stands at the end.
        if zipfile.is_zipfile(path):
            return path
    raise UserError(
        '--resume: there is no checkpoint in '
        f'{" or ".join(map(str, folders))}; start without --resume, or name '
        'the file: --resume FILE'
    )
