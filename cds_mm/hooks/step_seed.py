"""The same dropout, resumed or not."""

import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Make what a step draws a function of (seed, iteration, rank)."""

    # Before anything that draws.
    priority = 'VERY_HIGH'

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None
    ) -> None:
        """Seed all generators, those of the devices too."""
        key = (runner.seed, runner.iter, get_rank())
        words = np.random.SeedSequence(key).generate_state(2)
        random.seed(int(words[0]))
        np.random.seed(words[0])
        # All devices, and 64 bits, as other than NumPy it takes them.
        torch.manual_seed(int(words[0]) << 32 | int(words[1]))
