"""Lets a config inherit one of this project: ``_base_ = 'cds_mm::...'``.

MMEngine has a closed list of packages whose configs can be named so, and
takes only those in a folder, and only from a wheel.
"""

from importlib import import_module

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

from cds_mm.config.leaf_names import config_path
from cds_mm.errors import UserError
from cds_mm.paths import CONFIGS, PACKED

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


def register_hub() -> None:
    """Make ``mmengine.hub`` take these names, too.

    It reads the index of a wheel, which a source checkout has elsewhere.
    """
    # Late: it needs MMEngine's runner, and so torch.
    hub = import_module('mmengine.hub.hub')
    theirs = hub._get_package_and_cfg_path
    if getattr(theirs, 'finds_own', False):
        return

    def find(cfg_path: str) -> tuple[str, str]:
        if not is_own(cfg_path):
            return theirs(cfg_path)
        if not PACKED:
            raise UserError(
                f'{cfg_path}: mmengine.hub reads configs of wheels only, and '
                'this cds_mm runs from its source; use '
                'cds_mm.config.load_config'
            )
        return _OWN, config_path(cfg_path).relative_to(CONFIGS).as_posix()

    find.finds_own = True  # type: ignore[attr-defined]
    vars(hub)['_get_package_and_cfg_path'] = find
