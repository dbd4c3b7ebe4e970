"""Imports libraries that only some commands need."""

import importlib
from types import ModuleType

from cds_mm.errors import UserError

_DISTRIBUTIONS = {
    'sklearn': 'scikit-learn',
    'faster_coco_eval': 'faster-coco-eval',
}


def extra(name: str, group: str = 'demo') -> ModuleType:
    """Import a module of a library that a plain installation lacks.

    Args:
        name: of the module, e.g. ``'matplotlib.figure'``.
        group: of extras in ``setup.py`` that has the library.

    Raises:
        UserError: the library is missing.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        library = name.partition('.')[0]
        missing = (error.name or '').partition('.')[0]
        if missing != library:  # it is there, and lacks another
            raise
        library = _DISTRIBUTIONS.get(library, library)
        raise UserError(
            f"{library} is missing; pip install 'cds_mm[{group}]'"
        ) from error
