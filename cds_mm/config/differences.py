"""Where the settings of two runs differ."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_MISSING = object()
# Of how a registry finds a class, and how a config was merged.
_NO_SETTINGS = ('_scope_', '_delete_')
_SHOWN = 60  # characters of a value


class Difference(NamedTuple):
    """One setting that is not what it was.

    Attributes:
        key: with dots.
        before: as text, 'not set' where it was missing.
        now: the same.
    """

    key: str
    before: str
    now: str

    def __str__(self) -> str:
        return f'{self.key} is {self.now} and was {self.before}'


def differences(
    key: str, before: Any, now: Any, without: Sequence[str] = ()
) -> list[Difference]:
    """Compare a part of two configs.

    Lists and tuples are the same thing here, as are a class and its name,
    and a single dict and a list of it, which the hosts take alike.

    Args:
        key: of the part, for the names.
        before: its value in the one, None where it is missing.
        now: the same of the other.
        without: keys, at any depth, that do not count.
    """
    ignored = {*without, *_NO_SETTINGS}
    return [*_differences(key, plain(before), plain(now), ignored)]


def plain(value: Any) -> Any:
    """A value of a config as dicts, lists, strings and numbers."""
    if isinstance(value, Mapping):
        found = {str(k): plain(v) for k, v in value.items()}
        if isinstance(found.get('type'), str):
            found['type'] = found['type'].rpartition('.')[2]
        return found
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, type):
        return f'{value.__module__}.{value.__qualname__}'
    return value


def _differences(key, before, now, ignored) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(now, dict):
        # The type first: what else differs mostly follows from it.
        names = {*before, *now} - ignored
        for name in sorted(names, key=lambda name: (name != 'type', name)):
            yield from _differences(
                f'{key}.{name}',
                before.get(name, _MISSING),
                now.get(name, _MISSING),
                ignored,
            )
        return
    if isinstance(before, dict) and isinstance(now, list):
        before = [before]
    if isinstance(now, dict) and isinstance(before, list):
        now = [now]
    if isinstance(before, list) and isinstance(now, list):
        if len(before) == len(now):
            for number, pair in enumerate(zip(before, now, strict=True)):
                yield from _differences(f'{key}.{number}', *pair, ignored)
            return
    elif _nothing(before) and _nothing(now):
        return
    if not _equal(before, now):
        yield Difference(key, _shown(before), _shown(now))


def _equal(before, now):
    # nan is what it was.
    return before == now or (before != before and now != now)


def _nothing(value):
    """What hosts take for a missing setting."""
    return value is _MISSING or value is None or value in ([], {})


def _shown(value):
    if value is _MISSING:
        return 'not set'
    text = ' '.join(repr(value).split())
    return text if len(text) <= _SHOWN else f'{text[: _SHOWN - 3]}...'
