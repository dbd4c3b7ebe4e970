"""Weights and maps with their channels last, while a run trains."""

import warnings

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from torch import nn

from cds_mm.distributed import unwrapped

# The buckets of the ranks' gradients were laid out before; PyTorch lays
# them out anew after the first step.
_BUCKETS = 'Grad strides do not match bucket view strides'


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Train with the memory layout in which convolutions are fastest.

    Only where values lie changes; convolutions then give maps in the same
    layout.  The weights in a checkpoint lie as ever, so that nobody who
    loads one has to know.
    """

    def before_train(self, runner):
        """Lay out the model, and what the optimizer has of a checkpoint."""
        warnings.filterwarnings('ignore', _BUCKETS)
        optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
        channels_last(unwrapped(runner.model), optimizer)

    def before_save_checkpoint(self, runner, checkpoint):
        """Lay out the weights as a model does that was just built."""
        state = checkpoint['state_dict']
        for name, tensor in state.items():
            state[name] = tensor.contiguous()


def channels_last(
    model: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> None:
    """Lay out a model with its channels last, in place.

    Args:
        model: to train, with its teacher where it has one.
        optimizer: of it.  A fused one reads momentum as it lies: in the
            layout of another run it would, on a CPU, silently be that of
            other weights.
    """
    model.to(memory_format=torch.channels_last)
    states = optimizer.state if optimizer else {}
    for parameter, state in states.items():
        for name, value in state.items():
            if (
                isinstance(value, torch.Tensor)
                and value.shape == parameter.shape
                and value.stride() != parameter.stride()
            ):
                state[name] = torch.empty_like(parameter).copy_(value)
