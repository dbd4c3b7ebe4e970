"""Imports libraries that only some commands need."""

import importlib
from types import ModuleType

from cds_mm.environment import distribution
from cds_mm.errors import UserError


def extra(name: str, group: str = 'demo') -> ModuleType:
    """Import a module of a library that a plain installation lacks.

    Args:
        name: of the module, e.g. ``'matplotlib.figure'``.
        group: of extras in ``pyproject.toml`` that has the library.

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
        raise UserError(
            f'{distribution(library)} is missing; '
            f"pip install 'cds_mm[{group}]'"
        ) from error
