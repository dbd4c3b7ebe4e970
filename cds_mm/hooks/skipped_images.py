"""Says how many images could not be read."""

from collections.abc import Iterator

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.data.labels import built_steps, leaf_datasets
from cds_mm.run_warnings import warn


@HOOKS.register_module()
class SkippedImagesHook(Hook):
    """Log the images that our loaders skipped, over all ranks.

    After each epoch, as ``train/skipped_images``, where ``on_error='skip'``.
    """

    priority = 'VERY_HIGH'

    def __init__(self):
        self._skipped = 0

    def before_train(self, runner: Runner) -> None:
        """Remember what was skipped before."""
        self._skipped = _skipped_images(runner.train_dataloader.dataset)

    def after_train_epoch(self, runner: Runner) -> None:
        """Log those of this epoch."""
        dataset = runner.train_dataloader.dataset
        if not any(_loaders_that_skip(dataset)):
            return
        total = _skipped_images(dataset)
        counted = torch.tensor(float(total - self._skipped))
        self._skipped = total
        all_reduce(counted)
        count = int(counted)
        runner.message_hub.update_scalar('train/skipped_images', count)
        if count:
            # With its number: MMEngine drops a warning that it gave before.
            warn(
                f'epoch {runner.epoch + 1}: {count} of the images could not '
                "be read and were replaced by others; on_error='raise' in "
                'the image loader names the first',
                runner.logger,
            )


def _loaders_that_skip(dataset) -> Iterator:
    for leaf in leaf_datasets(dataset):
        for step in built_steps(leaf):
            if getattr(step, 'on_error', None) == 'skip':
                yield step


def _skipped_images(dataset) -> int:
    return sum(step.skipped_count() for step in _loaders_that_skip(dataset))
