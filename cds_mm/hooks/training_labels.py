"""Tells supervisions the labels of the whole training set."""

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.data.labels import dataset_labels
from cds_mm.distributed import unwrapped
from cds_mm.hooks.of_training import trains
from cds_mm.supervision import asking_for_labels


@HOOKS.register_module()
class TrainingLabelsHook(Hook):
    """Call ``connect_data`` of each supervision that ``needs_labels``.

    Before the run, so that what they build of it is there when a checkpoint
    is loaded, and before the first step.  Where no supervision asks, no data
    set is read.
    """

    # Before EMAHook, which copies the model and pairs its buffers with those
    # of the copy by their order.
    priority = 'ABOVE_NORMAL'

    def before_run(self, runner: Runner) -> None:
        """Read the labels once, and hand them over."""
        asking = asking_for_labels(unwrapped(runner.model))
        if asking and trains(runner):
            labels = dataset_labels(runner.train_dataloader.dataset)
            for supervision in asking:
                supervision.connect_data(torch.from_numpy(labels))
