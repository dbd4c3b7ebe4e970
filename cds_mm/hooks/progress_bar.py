"""A progress bar where somebody is looking."""

import sys
from datetime import timedelta

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

# Labels in the bar, and where the other hooks leave the numbers.
_SHOWN = {
    'loss': 'train/loss',
    'img/s': 'train/images_per_s',
    'wait': 'train/waiting_for_data',
    'MB': 'train/rss_mb',
}


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """One bar for each epoch on a terminal; nothing elsewhere.

    Elsewhere the host's plain log lines are what one wants to have.
    """

    priority = 'LOWEST'

    def __init__(self):
        self._bar = None
        self._redirect = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Open the bar, and let log lines pass above it."""
        if not (is_main_process() and sys.stderr.isatty()):
            return
        self._redirect = logging_redirect_tqdm([runner.logger])
        self._redirect.__enter__()
        self._bar = tqdm(
            total=_iterations(runner),
            desc=f'epoch {runner.epoch + 1}/{runner.max_epochs}',
            unit='it',
            dynamic_ncols=True,
        )

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Advance the bar, with loss, speed, wait and memory."""
        if self._bar is None:
            return
        scalars = runner.message_hub.log_scalars
        shown = {
            label: _short(scalars[key].current())
            for label, key in _SHOWN.items()
            if key in scalars
        }
        if torch.cuda.is_available():
            shown['MB'] = _short(torch.cuda.max_memory_allocated() / 2**20)
        left = int(runner.message_hub.runtime_info.get('eta', 0))
        shown['left'] = timedelta(seconds=left)  # of the run
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update()

    def after_train_epoch(self, runner: Runner) -> None:
        """Close the bar."""
        if self._bar is not None and self._redirect is not None:
            self._bar.close()
            self._redirect.__exit__(None, None, None)
            self._bar = None


def _short(number):
    return f'{number:.3g}' if number < 100 else f'{number:.0f}'


def _iterations(runner):
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        return runner.max_iters  # its "epoch" is the whole run
    return len(runner.train_dataloader)
