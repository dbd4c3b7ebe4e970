"""Leaf configs by their bare names, e.g. ``cds_r18_cifar100``."""

import difflib
from functools import cache
from pathlib import Path

from cds_mm.errors import UserError
from cds_mm.paths import CONFIGS, in_project

_SHOWN = 3


@cache
def leaf_files(configs: Path = CONFIGS) -> dict[str, Path]:
    """Every leaf config of the project by its bare name, sorted by path."""
    return {
        path.stem: path
        for path in sorted(configs.rglob('*.py'))
        if '_base_' not in path.relative_to(configs).parts
    }


def config_path(name: str) -> Path:
    """The file of a config: a path, or the bare name of a leaf config.

    Args:
        name: a path wins over a name, also without its ``.py``.

    Raises:
        UserError: there is neither; it names those that are spelt alike.
    """
    path = Path(name)
    bare = path.name.removesuffix('.py')
    if path.is_file():
        return path
    if name == path.name:
        local = Path(f'{bare}.py')
        if local.is_file():
            return local
        if bare in leaf_files():
            return leaf_files()[bare]
    found = difflib.get_close_matches(bare, leaf_files(), _SHOWN, cutoff=0.75)
    if found:
        paths = (in_project(leaf_files()[stem]) for stem in found)
        raise UserError(
            f'config {name}: no such file; did you mean {" or ".join(paths)}?'
        )
    raise UserError(
        f'config {name}: no such file; configs of this project are '
        'in configs/, those of a host are named mmdet::folder/name.py'
    )
