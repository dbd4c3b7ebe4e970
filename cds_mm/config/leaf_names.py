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
    """The file of a config: a path, or a name of a leaf config.

    Args:
        name: a path wins over a name, also without its ``.py``.  Names are
            the bare one of a leaf config, and ``cds_mm::`` before that or
            before a path in ``configs/``.

    Raises:
        UserError: there is neither; it names those that are spelt alike.
    """
    prefix, _, own = name.rpartition('::')
    path = Path(own)
    bare = path.name.removesuffix('.py')
    found = _local(path, bare) if not prefix else _inside(own)
    if found:
        return found
    if own == path.name and bare in leaf_files():
        return leaf_files()[bare]
    near = difflib.get_close_matches(bare, leaf_files(), _SHOWN, cutoff=0.75)
    if near:
        paths = (in_project(leaf_files()[stem]) for stem in near)
        raise UserError(
            f'config {name}: no such file; did you mean {" or ".join(paths)}?'
        )
    raise UserError(
        f'config {name}: no such file; configs of this project are '
        'listed by `cds-mm config-path`, those of a host are named '
        'mmdet::folder/name.py'
    )


def _local(path: Path, bare: str) -> Path | None:
    if path.is_file():
        return path
    beside = Path(f'{bare}.py')
    return beside if str(path) == path.name and beside.is_file() else None


def _inside(own: str) -> Path | None:
    """A path in ``configs/``, with or without its ``.py``."""
    for path in (CONFIGS / own, CONFIGS / f'{own}.py'):
        # Nothing outside of it, as an absolute path is, and no folder.
        inside = path.is_relative_to(CONFIGS) and '..' not in path.parts
        if inside and path.is_file():
            return path
    return None
