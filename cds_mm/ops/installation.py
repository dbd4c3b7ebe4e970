"""Decides between the compiled operations and the stand-ins, once."""

import sys
import types
from dataclasses import dataclass

from cds_mm.ops import compiled, standin

COMPILED, STAND_IN, NOT_INSTALLED = 'compiled', 'stand-in', 'not installed'


@dataclass(frozen=True)
class OpsStatus:
    """Which operations `mmcv.ops` uses.

    Attributes:
        state: 'compiled', 'stand-in', or 'not installed' (no MMCV).
        reason: one line.
        provided: names that `mmcv._ext` answers to; empty where compiled,
            since then it has whatever it was built with.
        unusable: whether a compiled build is there but does not work.
    """

    state: str
    reason: str
    provided: tuple[str, ...] = ()
    unusable: bool = False


_installed: OpsStatus | None = None


def install() -> OpsStatus:
    """Make `mmcv._ext` importable; call it before MMDetection is imported.

    A compiled module that works stays.  A second call does nothing.  Imports
    MMCV only where a compiled module has to be tried, and never MMDetection.

    Returns:
        What is in use from now on.
    """
    global _installed
    if _installed is None:
        _installed = _decide()
        if _installed.state == STAND_IN:
            _put(standin.build())
    return _installed


def status() -> OpsStatus:
    """What `install` did, or would do; changes nothing."""
    return _installed or _decide()


def _decide() -> OpsStatus:
    if standin.is_standin(sys.modules.get(standin.EXTENSION)):
        return _stand_in('it was put there earlier in this process')
    try:
        found = compiled.find()
    except (ImportError, ValueError) as error:
        return OpsStatus(NOT_INSTALLED, str(error))
    if not found:
        return _stand_in('MMCV was installed without compiled operations')
    cause = compiled.failure()
    if cause is None:
        return OpsStatus(COMPILED, 'nms and roi_align work on the CPU')
    return _stand_in(f'a compiled mmcv._ext is there, but {cause}', True)


def _stand_in(reason: str, unusable: bool = False) -> OpsStatus:
    return OpsStatus(STAND_IN, reason, standin.PROVIDED, unusable)


def _put(module: types.ModuleType) -> None:
    broken = sys.modules.get(standin.EXTENSION)
    sys.modules[standin.EXTENSION] = module
    if 'mmcv' in sys.modules:
        vars(sys.modules['mmcv'])['_ext'] = module
    if broken is None:
        return
    # `mmcv.ops` may have been imported over the broken one: each of its
    # files holds it as `ext_module`.
    for name, host in list(sys.modules.items()):
        in_ops = name.startswith('mmcv.ops.')
        if in_ops and getattr(host, 'ext_module', None) is broken:
            vars(host)['ext_module'] = module
