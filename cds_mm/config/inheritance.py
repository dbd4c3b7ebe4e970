"""Lets a config inherit one of this project: ``_base_ = 'cds_mm::...'``.

MMEngine has a closed list of packages whose configs can be named so, and
takes only those in a folder, and only from a wheel.
"""

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

from cds_mm.config.leaf_names import config_path

_OWN = 'cds_mm'


def is_own(name: str) -> bool:
    """Whether ``package::path`` means a config of this project."""
    return name.startswith(f'{_OWN}::')


def register() -> None:
    """Make MMEngine find them; a second call does nothing.

    For what it opens itself, as its hub does, the package is added to its
    list.
    """
    MODULE2PACKAGE.setdefault(_OWN, _OWN)
    theirs = Config._get_cfg_path
    if getattr(theirs, 'finds_own', False):
        return

    def find(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if is_own(cfg_path):
            # No scope, as if its path were given: its types are found where
            # they are found in the file itself.
            return str(config_path(cfg_path)), None
        return theirs(cfg_path, filename)

    find.finds_own = True  # type: ignore[attr-defined]
    Config._get_cfg_path = staticmethod(find)
