"""What a run costs: images per second, waiting for data, memory."""

import resource
import sys

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.arguments import Count, checked
from cds_mm.distributed import world_size


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Log ``images_per_s``, ``waiting_for_data`` and, on CPU, memory.

    * ``images_per_s``: images of all ranks per second, whatever the number
      of their views, over the last ``window`` iterations;
    * ``waiting_for_data``: share of that time in which the step waited for
      the loader, 0 to 1.  Much above 0.1 the loader is what limits the run:
      give it more workers;
    * ``rss_mb``: peak memory of this process in MiB, where there is no GPU
      (on a GPU the host logs ``memory``).

    Args:
        window: iterations to average over.
    """

    # After the host's timer (NORMAL), before its logger (BELOW_NORMAL).
    priority = 55

    @checked
    def __init__(self, window: Count = 20):
        self.window = window

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict,
        outputs: dict,
    ) -> None:
        """Put the numbers where the host's logger finds them."""
        hub = runner.message_hub
        if 'train/time' not in hub.log_scalars:
            return  # no timer hook in this run
        step = hub.get_scalar('train/time').mean(self.window)
        wait = hub.get_scalar('train/data_time').mean(self.window)
        images = len(data_batch['data_samples']) * world_size()
        hub.update_scalar('train/images_per_s', images / step)
        hub.update_scalar('train/waiting_for_data', wait / step)
        if not torch.cuda.is_available():
            hub.update_scalar('train/rss_mb', _peak_rss_mb())


def _peak_rss_mb():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == 'darwin' else 2**10)
