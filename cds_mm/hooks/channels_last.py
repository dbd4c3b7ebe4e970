"""Weights and maps with their channels last, while a run trains."""

import warnings

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from torch import nn

from cds_mm.distributed import unwrapped

# The buckets of the ranks' gradients were laid out before; PyTorch lays
# them out anew after the first step, unless it looks for unused parameters.
_BUCKETS = 'Grad strides do not match bucket view strides'


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Train with the memory layout in which convolutions are fastest.

    Only where values lie changes; convolutions then give maps in the same
    layout.  What a checkpoint holds lies as ever, so that nobody who loads
    one has to know.
    """

    # Before the optimizer is laid out as the weights are.
    priority = 'VERY_HIGH'

    def before_train(self, runner):
        """Lay out the model."""
        warnings.filterwarnings('ignore', _BUCKETS)
        channels_last(unwrapped(runner.model))

    def before_save_checkpoint(self, runner, checkpoint):
        """Lay out tensors as those of a model that was just built."""
        weights = checkpoint['state_dict']
        for name, tensor in weights.items():
            weights[name] = tensor.contiguous()
        if 'optimizer' in checkpoint:
            checkpoint['optimizer'] = _contiguous(checkpoint['optimizer'])


def channels_last(model: nn.Module) -> None:
    """Lay out a model in place, with its teacher where it has one."""
    model.to(memory_format=torch.channels_last)


def _contiguous(part):
    """A copy: the dicts in an optimizer's state are those that it uses."""
    if isinstance(part, torch.Tensor):
        return part.contiguous()
    if isinstance(part, dict):
        return {key: _contiguous(value) for key, value in part.items()}
    return part
