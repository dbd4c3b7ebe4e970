"""The stack of a pickle, and the instructions that fill containers."""

from typing import Any

from cds_mm.checkpoint.safe.limits import Refused

# Larger whole numbers can be made to collide as keys of a dict.
_MAX_KEY = 1 << 60


class Stack:
    """Values, marks and the memo; a method for each instruction."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # stacks under the marks
        self._memo: dict[int, Any] = {}

    def _take(self) -> list[Any]:
        """What lies above the last mark."""
        items = self._stack
        self._stack = self._below.pop()
        return items

    def _mark(self, _: None) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _pop_mark(self, _: None) -> None:
        self._take()

    def _pop(self, _: None) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._take()

    def _dup(self, _: None) -> None:
        self._stack.append(self._stack[-1])

    def _memoize(self, _: None) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _stop(self, _: None) -> None:
        if len(self._stack) != 1 or self._below:
            raise Refused('is damaged (its pickle ends too early)')

    def _list(self, _: None) -> None:
        items = self._take()
        self._stack.append(items)

    def _tuple(self, _: None) -> None:
        items = tuple(self._take())
        self._stack.append(items)

    def _tuple1(self, _: None) -> None:
        self._last(1)

    def _tuple2(self, _: None) -> None:
        self._last(2)

    def _tuple3(self, _: None) -> None:
        self._last(3)

    def _last(self, count: int) -> None:
        if len(self._stack) < count:
            raise Refused('is damaged (a tuple of too few)')
        self._stack[-count:] = [tuple(self._stack[-count:])]

    def _frozenset(self, _: None) -> None:
        items = frozenset(_key(item) for item in self._take())
        self._stack.append(items)

    def _dict(self, _: None) -> None:
        items = self._take()
        self._stack.append({})
        self._set_items(items)

    def _append(self, _: None) -> None:
        item = self._stack.pop()
        self._of_type(list).append(item)

    def _appends(self, _: None) -> None:
        items = self._take()
        self._of_type(list).extend(items)

    def _additems(self, _: None) -> None:
        items = self._take()
        self._of_type(set).update(_key(item) for item in items)

    def _setitem(self, _: None) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set_items([key, value])

    def _setitems(self, _: None) -> None:
        self._set_items(self._take())

    def _set_items(self, items: list[Any]) -> None:
        target = self._of_type(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def _of_type(self, kind: type) -> Any:
        if not isinstance(self._stack[-1], kind):
            raise Refused(f'is damaged (a {kind.__name__} was expected)')
        return self._stack[-1]


def _key(key: Any) -> Any:
    """A key of a dict, or an element of a set.

    Raises:
        Refused: of a kind that no checkpoint needs.
    """
    if type(key) is tuple and len(key) < 9:
        return tuple(_key(part) for part in key)
    plain = key is None or type(key) in (str, bytes, int, float, bool)
    if not plain or (type(key) is int and abs(key) > _MAX_KEY):
        raise Refused('is damaged (a key of a strange kind)')
    return key
