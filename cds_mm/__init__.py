"""Contrastive Deep Supervision for the OpenMMLab line.

Importing the package runs nothing and registers nothing: a config names
``cds_mm.registration`` in ``custom_imports``.
"""

from cds_mm.version import __version__

__all__ = ['__version__']
