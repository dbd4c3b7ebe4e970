"""Where configs and tools are: in the wheel, or beside the package."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
# Where a wheel of the OpenMMLab line carries both.
_MIM = '.mim'
_OF_A_CHECKOUT = ('setup.py', 'pyproject.toml')


def project_of(package: Path) -> Path:
    """The folder that has the configs and tools of a package.

    Args:
        package: folder of its modules.

    Returns:
        Path: ``.mim`` in it, or the source checkout around it.  What is
        beside a package in site-packages is of some other package.
    """
    packed = package / _MIM
    around = package.parent
    is_source = any((around / name).is_file() for name in _OF_A_CHECKOUT)
    return around if is_source and not packed.is_dir() else packed


PROJECT = project_of(_PACKAGE)
PACKED = PROJECT.name == _MIM
CONFIGS = PROJECT / 'configs'
TOOLS = PROJECT / 'tools'


def in_project(path) -> str:
    """A path of the project as users write it.

    A config in a wheel is named ``cds_mm::folder/name.py``, since nobody
    types the path of site-packages.
    """
    path = Path(path)
    if PACKED and path.is_relative_to(CONFIGS):
        return f'{_PACKAGE.name}::{path.relative_to(CONFIGS).as_posix()}'
    inside = path.is_absolute() and path.is_relative_to(PROJECT)
    return str(path.relative_to(PROJECT) if inside else path)
