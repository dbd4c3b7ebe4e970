"""Mixed precision where the host's wrapper refuses to work."""

import contextlib

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from cds_mm.engine.config import type_name
from cds_mm.errors import UserError

BFLOAT16 = 'BFloat16OptimWrapper'
_REPLACED = ('OptimWrapper', 'AmpOptimWrapper', BFLOAT16)
# As torch calls them; without one, bfloat16 is emulated, 80 times slower
# than float32.
_CPU_UNITS = ('amx_bf16', 'avx512_bf16')


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """bfloat16 autocast on the model's device, be it a CPU.

    bfloat16 has the exponent range of float32, so there is no loss scaling
    and no wait for the device to see whether a gradient is infinite; the
    host's AMP wrapper has both, and refuses CPUs.  Arguments are those of
    :class:`OptimWrapper`.
    """

    @contextlib.contextmanager
    def optim_context(self, model):
        """Autocast the forward pass."""
        device = next(model.parameters()).device.type
        with (
            super().optim_context(model),
            torch.autocast(device, torch.bfloat16),
        ):
            yield


def wrapper_kind(cfg) -> str:
    """The bare name of the optimizer wrapper's class."""
    return type_name(cfg.optim_wrapper) or 'OptimWrapper'


def bfloat16_units() -> str | None:
    """What computes in bfloat16 here, in words; None where nothing does."""
    if torch.cuda.is_available():
        major, minor = torch.cuda.get_device_capability()
        return f'CUDA capability {major}.{minor}' if major >= 8 else None
    known = torch.cpu.get_capabilities()
    return next((unit for unit in _CPU_UNITS if known.get(unit)), None)


def use_amp(cfg) -> None:
    """Turn ``cfg.optim_wrapper`` into a mixed-precision one, in place.

    Raises:
        UserError: it is of a kind that would be lost.
    """
    kind = wrapper_kind(cfg)
    if kind not in _REPLACED:
        raise UserError(
            f'--amp: optim_wrapper.type is {kind}, which it would replace; '
            'leave --amp out and ask that wrapper for mixed precision'
        )
    if torch.cuda.is_available():
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    else:
        cfg.optim_wrapper.type = BFLOAT16
