"""Checkpoints that survive a kill at any moment."""

import contextlib
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.files import atomic_write
from cds_mm.hooks.resumed_paths import keep_to_own_files

BACKEND = 'cds_mm_atomic'


@register_backend(BACKEND)
class AtomicBackend(LocalBackend):
    """Local files that are either whole or not there.

    Writes go to a temporary file that is renamed.  Within
    :meth:`removals_last` removals wait until the block is left, so that what
    replaces a file is there before the file goes.
    """

    def __init__(self):
        self._waiting = None

    def put(self, obj, filepath):
        """Write ``obj`` (bytes) to ``filepath``, or leave it as it was."""
        Path(filepath).parent.mkdir(parents=True, exist_ok=True)
        atomic_write(filepath, obj)

    def remove(self, filepath):
        """Remove a file, now or at the end of the block."""
        if self._waiting is None:
            super().remove(filepath)
        else:
            self._waiting.append(filepath)

    @contextlib.contextmanager
    def removals_last(self, still_wanted):
        """Remove nothing until the block has succeeded.

        Args:
            still_wanted: called at the end, gives the paths that the block
                has written again and that must stay.
        """
        if self._waiting is not None:
            yield
            return
        self._waiting = []
        try:
            yield
            wanted = set(still_wanted())
            for path in set(self._waiting) - wanted:
                Path(path).unlink(missing_ok=True)
        finally:
            self._waiting = None


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """The host's checkpoint hook without its moment of having no checkpoint.

    The host's hook deletes the oldest checkpoint before it writes the new
    one when ``max_keep_ckpts`` is reached, deletes the old best before the
    new one, and writes in place.  A process that is killed in between leaves
    a broken file or none.  It also removes whatever a resumed checkpoint
    names as the best one so far; here that has to be a file of this run.
    Arguments are those of the host's hook.
    """

    backend_args: dict | None

    def before_train(self, runner: Runner) -> None:
        """Prepare the folder, and clear what a killed write has left."""
        # The host's "FileClient will be deprecated" is about its own code,
        # here and at every save.
        runner.logger.addFilter(_no_file_client)
        chosen = self.backend_args or self.file_client_args
        if not chosen and '://' not in str(self.out_dir):
            self.backend_args = dict(backend=BACKEND)
        super().before_train(runner)
        if isinstance(self.file_backend, AtomicBackend) and is_main_process():
            for left in Path(self.out_dir).glob('.*.pth.*.tmp'):
                left.unlink(missing_ok=True)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Forget files of others, which the host would remove."""
        if runner._resume:
            keep_to_own_files(runner, checkpoint)

    def _save_checkpoint_with_step(self, runner, step, meta):
        with self._removals_last():
            super()._save_checkpoint_with_step(runner, step, meta)

    def _save_best_checkpoint(self, runner, metrics):
        with self._removals_last():
            super()._save_best_checkpoint(runner, metrics)

    def _removals_last(self):
        if not isinstance(self.file_backend, AtomicBackend):
            return contextlib.nullcontext()  # a remote store, its own rules
        return self.file_backend.removals_last(self._written)

    def _written(self):
        best = getattr(self, 'best_ckpt_path_dict', {}).values()
        return [self.last_ckpt, getattr(self, 'best_ckpt_path', None), *best]


def _no_file_client(record):
    message = record.getMessage()
    return 'FileClient' not in message and 'HardDiskBackend' not in message
