"""Says what makes a run fast, and minds it when another run goes on."""

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

_KEY = 'fast_path'


@HOOKS.register_module()
class FastPathHook(Hook):
    """Log what is on, and let a run be resumed with something else on.

    Checkpoints keep it in their meta; a run that goes on with other lines is
    warned of, since it is not the run that it would have been.

    Args:
        lines (list[str]): what is on, in words.
    """

    # Before whatever else says something of the run.
    priority = 'HIGH'

    def __init__(self, lines):
        self.lines = list(lines)

    def after_load_checkpoint(self, runner, checkpoint):
        """Compare with the run that goes on."""
        before = checkpoint.get('meta', {}).get(_KEY)
        if runner._resume and before is not None and before != self.lines:
            runner.logger.warning(
                'resumed with another fast path than before, so that it is '
                f'no longer the same run; before: {"; ".join(before)}; now: '
                f'{"; ".join(self.lines)}'
            )

    def before_train(self, runner):
        """Write the lines; make the optimizer that of this run again."""
        for line in self.lines:
            runner.logger.info(f'Fast path: {line}')
        align(getattr(runner.optim_wrapper, 'optimizer', None))

    def before_save_checkpoint(self, runner, checkpoint):
        """Keep the lines."""
        checkpoint['meta'][_KEY] = self.lines


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
