"""Which checkpoints of other leaf configs a config names."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Where tools/train.py puts the last checkpoint of a leaf config.
_CHECKPOINT = re.compile(r'work_dirs/(?P<stem>[^/]+)/epoch_\d+\.pth')


@dataclass(frozen=True)
class NamedRun:
    """A place in a config that names the checkpoint of a leaf config.

    Attributes:
        holder: the part of the config.
        key: under which the path stands there.
        stem: of the leaf config's file.
        is_teacher: whether it teaches; else it is where the run starts.
    """

    holder: dict
    key: str
    stem: str
    is_teacher: bool

    def replace(self, config: Path, checkpoint: Path) -> None:
        """Name another run of it, in place; beside it its config, if any."""
        self.holder[self.key] = str(checkpoint)
        if Path(self.holder.get('config') or '').stem == self.stem:
            self.holder['config'] = str(config)


def named_runs(config: dict, keys: Collection[str]) -> list[NamedRun]:
    """All of them, e.g. of ``load_from`` and of a teacher.

    Args:
        config: the whole.
        keys: those of it that are looked at.
    """
    return list(_named(config, keys=keys))


def _named(
    part: Any,
    is_teacher: bool = False,
    keys: Collection[str] | None = None,
) -> Iterator[NamedRun]:
    if isinstance(part, list | tuple):
        for child in part:
            yield from _named(child, is_teacher)
    if not isinstance(part, dict):
        return
    is_teacher = is_teacher or part.get('type') == 'Teacher'
    for key, value in part.items():
        if keys is not None and key not in keys:
            continue
        found = isinstance(value, str) and _CHECKPOINT.fullmatch(value)
        if found:
            yield NamedRun(part, key, found['stem'], is_teacher)
        else:
            yield from _named(value, is_teacher)
