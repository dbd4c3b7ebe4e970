"""What ``--amp`` means in training and testing: bfloat16 autocast."""

from cds_mm.config import is_detection, type_name
from cds_mm.errors import UserError
from cds_mm.optim_wrapper import (
    BFLOAT16,
    PLAIN,
    bfloat16_units,
    require_units,
)

_WITHOUT = 'leave --amp out'


def use_amp(cfg) -> None:
    """Turn the optimizer wrapper of a training into the bfloat16 one.

    Args:
        cfg: of a training, changed in place.

    Raises:
        UserError: nothing here computes in bfloat16, or the config asks for
            another wrapper, which would be lost.
    """
    kind = _wrapper_kind(cfg)
    if kind not in (PLAIN, BFLOAT16):
        raise UserError(
            f'--amp: optim_wrapper.type is {kind}, which {BFLOAT16} would '
            f'replace; leave --amp out to train with {kind}'
        )
    require_units('--amp', full=_WITHOUT)
    cfg.optim_wrapper.type = BFLOAT16


def check_amp(cfg) -> None:
    """Say before anything is built that a config cannot run here.

    Raises:
        UserError: it asks for bfloat16, and nothing here computes in it.
    """
    if _wrapper_kind(cfg) == BFLOAT16:
        require_units(f'optim_wrapper.type={BFLOAT16}')


def use_amp_in_test(cfg) -> None:
    """Test a classifier in bfloat16 autocast.

    Args:
        cfg: of a test, changed in place.

    Raises:
        UserError: nothing here computes in bfloat16, or the test is of a
            detector, whose boxes bfloat16 would round to whole pixels.
    """
    if is_detection(cfg):
        raise UserError(
            '--amp: detectors are tested in float32, since bfloat16 would '
            'round the boxes to whole pixels; leave --amp out'
        )
    require_units('--amp', full=_WITHOUT, half='test_cfg.fp16=True')
    cfg.test_cfg.update(type='BFloat16TestLoop', fp16=True)


def unused_units(cfg) -> str:
    """A line for the log where a training leaves bfloat16 units unused."""
    units = bfloat16_units()
    if units is None or _wrapper_kind(cfg) != PLAIN:
        return ''
    return (
        f'Training in float32. This machine has bfloat16 units ({units}); '
        '--amp uses them'
    )


def _wrapper_kind(cfg) -> str:
    return type_name(cfg.optim_wrapper) or PLAIN
