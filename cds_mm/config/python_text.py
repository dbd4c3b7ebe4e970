"""Settings as lines of a config file, formatted as ``ruff format`` does."""

from collections.abc import Iterator, Mapping
from typing import Any

WIDTH = 79


class Name(str):
    """A name in a config file, such as ``_base_.two_views``; no string."""


class Spread(str):
    """A name whose settings are all taken: ``**_base_.method``."""


def assignments(settings: Mapping[str, Any], width: int = WIDTH) -> list[str]:
    """Settings as assignments, one for each key at the top.

    Args:
        settings: nested dicts; a key of :class:`Spread` stands for itself.
        width: of a line; an assignment that is longer is broken.
    """
    return [
        '\n'.join(_value(value, f'{key} = ', '', '', width))
        for key, value in settings.items()
    ]


def settings_at(key: str, value: Any) -> dict[str, Any]:
    """``value`` under a dotted key, as nested dicts."""
    for name in reversed(key.split('.')):
        value = {name: value}
    return value


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dicts as one; of one key, the last value."""
    whole: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            here = whole.get(key)
            if isinstance(here, dict) and isinstance(value, Mapping):
                value = merged(here, value)
            whole[key] = value
    return whole


def _value(value, before: str, after: str, indent: str, width) -> list[str]:
    """The lines of a value, between what stands on its first and last."""
    line = f'{indent}{before}{_inline(value)}{after}'
    if len(line) <= width or not isinstance(value, Mapping):
        return [line]
    inside = indent + '    '
    items = [*_items(value)]
    joined = ', '.join(f'{name}{_inline(item)}' for name, item in items)
    if len(items) == 1:
        # A single argument gets no comma behind it.
        lines = _value(items[0][1], items[0][0], '', inside, width)
    elif len(inside + joined) <= width:
        lines = [inside + joined]
    else:
        lines = [
            line
            for name, item in items
            for line in _value(item, name, ',', inside, width)
        ]
    return [f'{indent}{before}dict(', *lines, f'{indent}){after}']


def _items(value: Mapping) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(key, Spread):
            yield '**', Name(key)
        else:
            yield f'{key}=', item


def _inline(value) -> str:
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, Mapping):
        inner = (f'{name}{_inline(item)}' for name, item in _items(value))
        return f'dict({", ".join(inner)})'
    return repr(value)
