"""bfloat16 mixed precision: what ``--amp`` means in training and testing."""

import contextlib

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from cds_mm.engine.config import type_name
from cds_mm.errors import UserError

BFLOAT16 = 'BFloat16OptimWrapper'
_PLAIN = 'OptimWrapper'
_WITHOUT = 'leave --amp out'
_FLOAT32 = f'set optim_wrapper.type={_PLAIN}'
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
        _require_units(f'optim_wrapper.type={BFLOAT16}')

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
    known = torch.cpu.get_capabilities()
    return next((unit for unit in _CPU_UNITS if known.get(unit)), None)


def use_amp(cfg) -> None:
    """Turn the optimizer wrapper of a training into the bfloat16 one.

    Args:
        cfg: of a training, changed in place.

    Raises:
        UserError: nothing here computes in bfloat16, or the config asks for
            another wrapper, which would be lost.
    """
    kind = _wrapper_kind(cfg)
    if kind not in (_PLAIN, BFLOAT16):
        raise UserError(
            f'--amp: optim_wrapper.type is {kind}, which {BFLOAT16} would '
            f'replace; leave --amp out to train with {kind}'
        )
    _require_units('--amp', full=_WITHOUT)
    cfg.optim_wrapper.type = BFLOAT16


def check_amp(cfg) -> None:
    """Say before anything is built that a config cannot run here.

    Raises:
        UserError: it asks for bfloat16, and nothing here computes in it.
    """
    if _wrapper_kind(cfg) == BFLOAT16:
        _require_units(f'optim_wrapper.type={BFLOAT16}')


def use_amp_in_test(cfg) -> None:
    """Test in bfloat16 autocast, which the host's switch means on CPUs alone.

    Args:
        cfg: of a test, changed in place.

    Raises:
        UserError: nothing here computes in bfloat16.
    """
    _require_units('--amp', full=_WITHOUT, half='test_cfg.fp16=True')
    cfg.test_cfg.fp16 = True
    # The host autocasts to the default of the device.
    torch.set_autocast_dtype('cuda', torch.bfloat16)


def unused_units(cfg) -> str:
    """A line for the log where a training leaves bfloat16 units unused."""
    units = bfloat16_units()
    if units is None or _wrapper_kind(cfg) != _PLAIN:
        return ''
    return (
        f'Training in float32. This machine has bfloat16 units ({units}); '
        '--amp uses them'
    )


def _wrapper_kind(cfg) -> str:
    return type_name(cfg.optim_wrapper) or _PLAIN


def _require_units(asked_by, full=_FLOAT32, half=_FLOAT16):
    if bfloat16_units() is None:
        raise UserError(
            f'{asked_by}: this machine has no bfloat16 units (avx512_bf16 or '
            'amx_bf16 of a CPU, or a GPU of CUDA capability 8.0 or more); '
            f'for float32 {full}, for float16 on a GPU set {half}'
        )
