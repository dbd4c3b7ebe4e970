"""Mixed precision where the host's wrapper refuses to work."""

import contextlib

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS


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
    """Turn ``cfg.optim_wrapper`` into a mixed-precision one, in place."""
    if torch.cuda.is_available():
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    else:
        cfg.optim_wrapper.type = 'CpuAmpOptimWrapper'
