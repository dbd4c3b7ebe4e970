"""Where configs and tools are: beside the package, or in the wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent

# A wheel carries both under `.mim`, as its hosts do.
PROJECT = _CHECKOUT if (_CHECKOUT / 'configs').is_dir() else _PACKAGE / '.mim'
CONFIGS = PROJECT / 'configs'
TOOLS = PROJECT / 'tools'


def in_project(path) -> str:
    """A path of the project as it is written in a document."""
    path = Path(path)
    inside = path.is_absolute() and path.is_relative_to(PROJECT)
    return str(path.relative_to(PROJECT) if inside else path)
