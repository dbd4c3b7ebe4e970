"""Hooks for runs whose single steps are compared; imported by configs."""

from pathlib import Path

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from torch import nn

from cds_mm.distributed import unwrapped


@HOOKS.register_module()
class FixedStatisticsHook(Hook):
    """Keep BatchNorm in evaluation mode: a batch's statistics are a rank's."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for module in runner.model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


@HOOKS.register_module()
class SmoothHook(Hook):
    """Put a SiLU for each ReLU, so that small gaps stay small.

    A ReLU whose input rounding carries across zero turns a gap of 1e-7 into
    the whole share of a pixel.
    """

    def before_train(self, runner):
        for module in [*runner.model.modules()]:
            for name, child in module.named_children():
                if isinstance(child, nn.ReLU):
                    setattr(module, name, nn.SiLU())


@HOOKS.register_module()
class StepWeightsHook(Hook):
    """Write the weights before training and after each step."""

    priority = 'VERY_LOW'

    def before_train(self, runner):
        self._write(runner, runner.iter)

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ):
        self._write(runner, runner.iter + 1)

    def _write(self, runner, step):
        if is_main_process():
            path = Path(runner.work_dir, f'step_{step}.pt')
            torch.save(unwrapped(runner.model).state_dict(), path)


def weights_after(work_dir, step):
    """The parameters and buffers after a step of such a run."""
    return torch.load(Path(work_dir, f'step_{step}.pt'))
