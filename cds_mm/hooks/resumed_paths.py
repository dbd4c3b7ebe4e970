"""Which files a checkpoint may name for removal."""

import os
from collections.abc import Sequence
from logging import Logger
from pathlib import Path
from typing import Any

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from cds_mm.run_warnings import warn

# As CheckpointHook of MMEngine keeps them in the message hub.
_BEST = 'best_ckpt'
_KEPT = 'keep_ckpt_ids'


def keep_to_own_files(runner: Runner, checkpoint: dict) -> None:
    """Let a resumed run remove nothing outside of its own folders, in place.

    MMEngine's ``CheckpointHook`` removes the last best checkpoint when there
    is a better one, and takes its path from the checkpoint that the run goes
    on from.  That may have been moved here, or come from anybody.  A best
    checkpoint that was moved along is known by its name.

    Args:
        runner: of the run that goes on.
        checkpoint: that it goes on from.
    """
    hub = checkpoint.get('message_hub')
    infos = hub.get('runtime_info') if isinstance(hub, dict) else None
    if not isinstance(infos, dict):
        return
    folders = [
        _folder_of(hook, runner)
        for hook in runner.hooks
        if isinstance(hook, CheckpointHook)
    ]
    for key in [*infos]:
        if key == _BEST or str(key).startswith(f'{_BEST}_'):
            infos[key] = _own(infos[key], folders, runner.logger)
    if _KEPT in infos:
        found = infos[_KEPT]
        wanted = found if isinstance(found, list | tuple) else []
        # They become a part of a path.
        infos[_KEPT] = [n for n in wanted if type(n) is int and n >= 0]


def _folder_of(hook: CheckpointHook, runner: Runner) -> str:
    """Where a hook will keep its checkpoints, before its run begins."""
    work_dir = str(runner.work_dir)
    if hook.out_dir is None or str(hook.out_dir) == work_dir:
        return work_dir
    name = os.path.basename(work_dir.rstrip(os.sep))
    return f'{str(hook.out_dir).rstrip("/")}/{name}'


def _own(path: Any, folders: Sequence[str], logger: Logger) -> str | None:
    if path is None:
        return None
    name = os.path.basename(path) if isinstance(path, str) else ''
    if not name.startswith('best_'):
        warn(
            f'the checkpoint names {str(path)[:120]!r} as its best one, which '
            'is no name of a best checkpoint; it stays where it is',
            logger,
        )
        return None
    # A link in a folder may go, but not what it leads to.
    where = os.path.realpath(os.path.dirname(path))
    for folder in folders:
        remote = '://' in folder
        if path == f'{folder}/{name}' if remote else _same(where, folder):
            return path
    for folder in folders:
        if '://' not in folder and Path(folder, name).exists():
            return os.path.join(folder, name)
    if Path(path).exists():
        logger.info(
            f'The best checkpoint so far, {path}, is in no folder of this '
            'run; it stays there when there is a better one.'
        )
    return None


def _same(where: str, folder: str) -> bool:
    return where == os.path.realpath(folder)
