"""Read a large JSON file element by element, in the memory of its text."""

import json
import re
from collections.abc import Iterator
from typing import Any


class UnreadableValue(ValueError):
    """A value that follows JSON's grammar and that Python does not read.

    Attributes:
        place: of it, such as ``annotations[3]``.
    """

    def __init__(self, place: str, cause: str):
        super().__init__(cause)
        self.place = place


_SPACE = re.compile(r'[ \t\n\r]*')


def elements(text: str) -> Iterator[tuple[str, int, Any]]:
    """Take the object at the top of a JSON text apart.

    Each element is parsed by the standard library's C scanner; what the
    caller does not keep is free again before the next one.

    Args:
        text: the whole document, without a byte order mark.

    Yields:
        tuple: key, index and element of each list; for any other value the
        key, -1 and the value.  A list without elements gives the key, -1
        and an empty list.

    Raises:
        ValueError: the text is not valid JSON, or its top is not an object.
        UnreadableValue: a number or a nesting is too long for Python.
    """
    decode = json.JSONDecoder().raw_decode
    at = _expect(text, 0, '{', 'an object')
    at = _skip(text, at)
    while text[at : at + 1] != '}':
        _expect(text, at, '"', 'a key in double quotes')
        key, at = decode(text, at)
        at = _skip(text, _expect(text, at, ':', "':'"))
        if text[at : at + 1] == '[':
            at = yield from _list_elements(text, at, key, decode)
        else:
            try:
                value, at = decode(text, at)
            except (ValueError, RecursionError) as error:
                raise _named(error, key) from error
            yield key, -1, value
        at = _after_comma(text, at, '}')
    if _skip(text, at + 1) != len(text):
        raise json.JSONDecodeError('Extra data', text, at + 1)


def _list_elements(text, at, key, decode):
    at = _skip(text, at + 1)
    if text[at : at + 1] == ']':
        yield key, -1, []
    index = 0
    while text[at : at + 1] != ']':
        try:
            element, at = decode(text, at)
        except (ValueError, RecursionError) as error:
            raise _named(error, f'{key}[{index}]') from error
        yield key, index, element
        index += 1
        at = _after_comma(text, at, ']')
    return at + 1


def _named(error, place) -> Exception:
    if isinstance(error, json.JSONDecodeError):
        return error
    deep = isinstance(error, RecursionError)
    cause = 'is nested too deeply' if deep else 'has too long a number'
    return UnreadableValue(place, cause)


def _after_comma(text, at, end):
    """The place of the next element, or of the bracket that ends them."""
    at = _skip(text, at)
    if text[at : at + 1] == end:
        return at
    at = _skip(text, _expect(text, at, ',', f"',' or {end!r}"))
    if text[at : at + 1] == end:
        raise json.JSONDecodeError('Nothing after the comma', text, at)
    return at


def _expect(text, at, sign, name):
    at = _skip(text, at)
    if text[at : at + 1] != sign:
        raise json.JSONDecodeError(f'Expecting {name}', text, at)
    return at + 1


def _skip(text, at):
    match = _SPACE.match(text, at)
    assert match is not None  # it matches nothing, too
    return match.end()
