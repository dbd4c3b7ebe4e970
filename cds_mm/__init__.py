"""Contrastive Deep Supervision for the OpenMMLab line.

Importing the package registers everything, so a config needs one line:
``custom_imports = dict(imports=['cds_mm'])``.
"""

import sys

from cds_mm.version import __version__

__all__ = ['__version__']

# `python -m cds_mm.doctor` imports this file first, and has to run where the
# host libraries are broken: it must be able to say what is wrong with them.
if 'cds_mm.doctor' not in sys.orig_argv:
    from cds_mm import registration  # noqa: F401
