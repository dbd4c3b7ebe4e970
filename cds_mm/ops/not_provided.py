"""The error of a compiled operation that has no stand-in."""

from cds_mm.errors import UserError

# Pip keeps a compiled wheel and would hand it to another torch later, where
# it fails at its first call: hence no cache.
COMPILE = (
    'pip install --no-build-isolation --no-cache-dir --force-reinstall '
    '--no-deps onedl-mmcv'
)


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
