"""Mixed precision where the host's wrapper refuses to work."""

import contextlib

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from cds_mm.engine.config import type_name
from cds_mm.errors import UserError

_REPLACED = ('OptimWrapper', 'AmpOptimWrapper', 'CpuAmpOptimWrapper')


@OPTIM_WRAPPERS.register_module()
class CpuAmpOptimWrapper(OptimWrapper):
    """bfloat16 autocast on a CPU, which the host's AMP wrapper refuses.

    bfloat16 has the exponent range of float32, so there is no loss scaling.
    Arguments are those of :class:`OptimWrapper`.
    """

    @contextlib.contextmanager
    def optim_context(self, model):
        """Autocast the forward pass."""
        with (
            super().optim_context(model),
            torch.autocast('cpu', torch.bfloat16),
        ):
            yield


def use_amp(cfg) -> None:
    """Turn ``cfg.optim_wrapper`` into a mixed-precision one, in place.

    Raises:
        UserError: it is of a kind that would be lost.
    """
    kind = type_name(cfg.optim_wrapper) or 'OptimWrapper'
    if kind not in _REPLACED:
        raise UserError(
            f'--amp: optim_wrapper.type is {kind}, which it would replace; '
            'leave --amp out and ask that wrapper for mixed precision'
        )
    if torch.cuda.is_available():
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    else:
        cfg.optim_wrapper.type = 'CpuAmpOptimWrapper'
