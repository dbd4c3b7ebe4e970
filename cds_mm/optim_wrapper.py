"""The optimizer wrapper of ``--amp``: bfloat16 autocast on a CPU or GPU."""

import contextlib

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from cds_mm.compat import cpu_capabilities
from cds_mm.errors import UserError

BFLOAT16 = 'BFloat16OptimWrapper'
PLAIN = 'OptimWrapper'
_FLOAT32 = f'set optim_wrapper.type={PLAIN}'
_FLOAT16 = 'optim_wrapper.type=AmpOptimWrapper'
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

    Raises:
        UserError: nothing here computes in bfloat16.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        require_units(f'optim_wrapper.type={BFLOAT16}')

    @contextlib.contextmanager
    def optim_context(self, model):
        """Autocast the forward pass."""
        device = next(model.parameters()).device.type
        with (
            super().optim_context(model),
            torch.autocast(device, torch.bfloat16),
        ):
            yield


def bfloat16_units() -> str | None:
    """What computes in bfloat16 here, in words; None where nothing does."""
    if torch.cuda.is_available():
        major, minor = torch.cuda.get_device_capability()
        return f'CUDA capability {major}.{minor}' if major >= 8 else None
    known = cpu_capabilities()
    return next((unit for unit in _CPU_UNITS if known.get(unit)), None)


def require_units(
    asked_by: str, full: str = _FLOAT32, half: str = _FLOAT16
) -> None:
    """Refuse bfloat16 where nothing computes in it.

    Args:
        asked_by: the flag or setting that asks for it.
        full: what to do for float32.
        half: the setting for float16 on a GPU.

    Raises:
        UserError: this machine has no bfloat16 units.
    """
    if bfloat16_units() is None:
        raise UserError(
            f'{asked_by}: this machine has no bfloat16 units (avx512_bf16 or '
            'amx_bf16 of a CPU, or a GPU of CUDA capability 8.0 or more); '
            f'for float32 {full}, for float16 on a GPU set {half}'
        )
