"""The error of a compiled operation that has no stand-in."""

import importlib.metadata

from cds_mm.environment import installed_as
from cds_mm.errors import UserError


def compile_command(wheel: str) -> str:
    """What builds MMCV's operations for the installed torch.

    Pip keeps a compiled wheel and would hand it to another torch later, where
    it fails at its first call: hence no cache.

    Args:
        wheel: the distribution of MMCV that is installed.
    """
    options = '--no-build-isolation --no-cache-dir --force-reinstall --no-deps'
    if not wheel.endswith('-lite'):
        return f'pip install {options} {wheel}'
    # It has no source of the operations, and the same folder as the other.
    full = wheel.removesuffix('-lite')
    version = importlib.metadata.version(wheel)
    return (
        f'pip uninstall -y {wheel} && MMCV_WITH_OPS=1 pip install {options} '
        f'{full}=={version}'
    )


COMPILE = compile_command(installed_as('mmcv'))


class OpNotProvidedError(UserError, NotImplementedError):
    """A compiled operation was called that has no stand-in.

    Args:
        name: of the operation, as `mmcv._ext` calls it.
    """

    def __init__(self, name: str):
        super().__init__(
            f'{name}: not among the torchvision stand-ins for mmcv._ext; '
            f'compile MMCV against your torch: {COMPILE}'
        )
