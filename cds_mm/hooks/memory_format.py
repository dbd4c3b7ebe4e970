"""Checkpoints and optimizers of models with their channels last."""

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner


@HOOKS.register_module()
class MemoryFormatHook(Hook):
    """Let checkpoints be contiguous, whatever the layout of the model.

    Tensors are saved contiguous, as those of a model that was just built, so
    that a checkpoint loads without knowing the layout of its run.  When
    a run is resumed, the optimizer's state is laid out as its parameters lie.
    """

    # After EMAHook, which swaps its weights into the checkpoint.
    priority = 'LOW'

    def before_train(self, runner: Runner) -> None:
        """Lay out the state that a checkpoint has brought."""
        align(getattr(runner.optim_wrapper, 'optimizer', None))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Make the tensors contiguous."""
        for key in ('state_dict', 'ema_state_dict'):
            weights = checkpoint.get(key, {})
            for name, tensor in weights.items():
                weights[name] = _contiguous(tensor)
        if 'optimizer' in checkpoint:
            checkpoint['optimizer'] = _contiguous(checkpoint['optimizer'])


def align(optimizer: torch.optim.Optimizer | None) -> None:
    """Lay out the state of an optimizer as its parameters lie.

    A checkpoint brings the layout of the run that wrote it, and whether its
    steps were fused.  A fused step reads momentum as it lies, and in another
    layout it would, on a CPU, silently be that of other weights.

    Args:
        optimizer: of a model, after a checkpoint was loaded, or None.
    """
    if optimizer is None:
        return
    for group in optimizer.param_groups:
        if 'fused' in group:
            group['fused'] = optimizer.defaults.get('fused')
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if (
                isinstance(value, torch.Tensor)
                and value.shape == parameter.shape
                and value.stride() != parameter.stride()
            ):
                state[name] = torch.empty_like(parameter).copy_(value)


def _contiguous(part):
    """A copy: the dicts in an optimizer's state are those that it uses."""
    if isinstance(part, torch.Tensor):
        return part.contiguous()
    if isinstance(part, dict):
        return {key: _contiguous(value) for key, value in part.items()}
    return part
