"""The names of classes in a config against those in annotation files."""

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cds_mm.coco.annotations import Annotations
from cds_mm.errors import UserError

_SHOWN = 8
# More names do not make a line that somebody would paste.
_PASTED = 30


@dataclass(frozen=True)
class Mismatch:
    """How the classes of a config differ from the categories of a file.

    Attributes:
        cause: what differs, in words.
        classes: the names to set instead; none where the names are right
            and their order or number alone is another.
    """

    cause: str
    classes: tuple[str, ...] | None


def compare_names(
    classes: Sequence[str], file: Annotations
) -> Mismatch | None:
    """Whether MMDetection's labels would be those of ``classes``.

    It numbers the categories whose names are among the classes in the order
    of the file, so both have to agree in names and order.

    Args:
        classes: ``metainfo.classes`` of the data set.
        file: its annotations.
    """
    given = set(classes)
    chosen = [name for name in file.names if name in given]
    if chosen == list(classes):
        return None
    lacking = [name for name in classes if name not in set(chosen)]
    spare = [name for name in file.names if name not in given]
    if not lacking:
        return Mismatch(
            f'{file.path} has its categories in the order '
            f'{shown(chosen)}, metainfo.classes in the order '
            f'{shown(classes)}',
            None,
        )
    names = f'({shown(file.names)})'
    if len(lacking) == len(classes):
        cause = (
            f'none of metainfo.classes ({shown(classes)}) is a category of '
            f'{file.path} {names}'
        )
    else:
        be = 'are' if lacking[1:] else 'is'
        cause = (
            f'metainfo.classes: {shown(lacking)} {be} no category of '
            f'{file.path} {names}'
        )
    if not spare:  # the file has nothing else that could be meant
        return Mismatch(cause, None)
    return Mismatch(cause, _corrected(classes, lacking, spare, file.names))


def check_unique(
    place: str, classes: Sequence[str], file: Annotations
) -> None:
    """Refuse names that stand for two classes.

    Raises:
        UserError: a name is twice in the classes, or in the file.
    """
    twice = _twice(classes)
    if twice:
        raise UserError(
            f'{place}.metainfo.classes: has {twice!r} twice; name each class '
            'once'
        )
    twice = _twice([name for name in file.names if name in set(classes)])
    if twice:
        ids = [key for key, name in file.categories if name == twice]
        raise UserError(
            f'{place}: {file.path} has the category {twice!r} with the ids '
            f'{", ".join(map(str, ids))}; give it one id'
        )


def shown(names: Sequence[str]) -> str:
    """Some names, so that a message stays one line."""
    if not names:
        return 'nothing'
    more = len(names) - _SHOWN
    listed = ', '.join(map(str, names[:_SHOWN]))
    return f'{listed} and {more} more' if more > 0 else listed


def classes_setting(places: Sequence[str], classes: Sequence[str]) -> str:
    """How to set the classes of data sets, as text to paste.

    Args:
        places: keys of the data sets.
        classes: what to set.
    """
    if len(classes) > _PASTED:
        keys = ' and '.join(f'{place}.metainfo.classes' for place in places)
        return f'set {keys} to the {len(classes)} names of the file'
    names = ','.join(repr(name) for name in classes)
    value = f'({names},)' if len(classes) == 1 else f'({names})'
    plain = all(name.isascii() and name.isidentifier() for name in classes)
    if plain:
        options = ' '.join(
            f'{place}.metainfo.classes="{value}"' for place in places
        )
        return f'set --cfg-options {options}'
    # The hosts' parser of options takes spaces and signs out of names.
    keys = ' and '.join(f'{place}.metainfo' for place in places)
    return f'set {keys} = dict(classes={value}) in the config'


def _corrected(classes, lacking, spare, names) -> tuple[str, ...]:
    """The classes with misspelt names replaced, in the order of the file."""
    lower = {name.lower(): name for name in spare}
    replaced = {}
    for name in lacking:
        close = difflib.get_close_matches(name.lower(), lower, 1)
        if close:
            replaced[name] = lower.pop(close[0])
    if len(replaced) < len(lacking):
        if len(lacking) != len(spare):
            return tuple(names)
        replaced = dict(zip(lacking, spare, strict=True))
    wanted = {replaced.get(name, name) for name in classes}
    return tuple(name for name in names if name in wanted)


def _twice(names):
    found = Counter(names).most_common(1)
    return found[0][0] if found and found[0][1] > 1 else None
