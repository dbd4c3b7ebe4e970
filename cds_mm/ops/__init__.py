"""Stand-ins for the compiled operations of MMCV, where there are none.

`pip install onedl-mmcv` brings no `mmcv._ext`, and every import of
MMDetection then fails.  `install()` puts a module backed by torchvision in
its place; a compiled one that works is left alone.
"""

from cds_mm.ops.installation import OpsStatus, install, status
from cds_mm.ops.not_provided import COMPILE, OpNotProvidedError

__all__ = [
    'COMPILE',
    'OpNotProvidedError',
    'OpsStatus',
    'install',
    'status',
]
