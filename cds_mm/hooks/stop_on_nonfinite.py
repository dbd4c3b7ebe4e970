"""Stops a run whose loss is no number any more."""

import shlex

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.errors import UserError


@HOOKS.register_module()
class StopOnNonFiniteHook(Hook):
    """Raise on a NaN or infinite loss, and never save such weights.

    The host's runner reads every logged scalar in each iteration anyway, so
    looking at them costs no further synchronisation with the device.
    """

    priority = 'VERY_HIGH'

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict,
        outputs: dict,
    ) -> None:
        """Raise when a term that is summed into the loss is not finite."""
        losses = {
            k: float(v.detach()) for k, v in outputs.items() if 'loss' in k
        }
        if all(torch.isfinite(torch.tensor(list(losses.values())))):
            return
        terms = ', '.join(f'{k} {v:g}' for k, v in losses.items())
        raise UserError(
            f'the loss is not finite at epoch {runner.epoch + 1}, iteration '
            f'{runner.iter + 1} ({terms}); {_last_good(runner)}'
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise instead of saving weights that are not finite."""
        for name, tensor in checkpoint['state_dict'].items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise UserError(
                    f'{name} is not finite after iteration {runner.iter + 1}: '
                    f'not saved; {_last_good(runner)}'
                )


def _last_good(runner):
    """Where to go on from; a resume takes its rate from the checkpoint."""
    path = runner.message_hub.runtime_info.get('last_ckpt')
    if not path:
        return (
            'no checkpoint was saved yet; lower optim_wrapper.optimizer.lr '
            'or set optim_wrapper.clip_grad.max_norm, then start again'
        )
    option = shlex.quote(f'load_from={path}')
    return (
        f'the last good checkpoint is {path}; set '
        'optim_wrapper.clip_grad.max_norm and resume, or leave --resume out '
        'and start a new schedule from its weights with a lower '
        f'optim_wrapper.optimizer.lr and --cfg-options {option}'
    )
