"""Checks the arguments that a config gives to modules of this package.

The type hints of a constructor say what it takes; ``@checked`` compares what
it is given with them, so that a number written as a text, or a temperature of
0, is one line when the module is built and not a traceback in its first step.
Hints with a range are the aliases below.
"""

import functools
import inspect
import math
import os
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from cds_mm.errors import UserError

_Function = TypeVar('_Function', bound=Callable)


class Limit(NamedTuple):
    """A range, as the metadata of an ``Annotated`` hint.

    Attributes:
        holds: whether a value is in the range.
        words: how to say it, after the kind of value.
    """

    holds: Callable[[Any], bool]
    words: str


Positive: TypeAlias = Annotated[float, Limit(lambda v: v > 0, 'above 0')]
NonNegative: TypeAlias = Annotated[float, Limit(lambda v: v >= 0, 'from 0 on')]
Share: TypeAlias = Annotated[
    float, Limit(lambda v: 0 <= v <= 1, 'from 0 to 1')
]
Count: TypeAlias = Annotated[int, Limit(lambda v: v >= 1, 'from 1 on')]
Index: TypeAlias = Annotated[int, Limit(lambda v: v >= 0, 'from 0 on')]
Views: TypeAlias = Annotated[
    tuple[Index, ...], Limit(bool, 'with at least one in it')
]


class ArgumentError(UserError, ValueError):
    """An argument of another kind, or outside of its range.

    Args:
        owner: name of the class or function that was called.
        argument: name of the argument and its value.
        expected: what the argument has to be.
    """

    def __init__(self, owner: str, argument: str, expected: str):
        super().__init__(f'{owner}: {argument}: must be {expected}')
        self.argument = argument
        self.expected = expected


def checked(function: _Function) -> _Function:
    """Decorate a constructor, or a function, so that its hints hold.

    Arguments without a hint, or with one that names a class, are not looked
    at; those of the caller's parent class are checked there.

    A ``Path`` becomes a text where a text is expected, also as a value of a
    dict, since the hosts join and split texts.

    Raises:
        ArgumentError: an argument is not what its hint says.
    """
    signature = inspect.signature(function)
    hints = functools.cache(lambda: get_type_hints(function, None, None, True))

    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:  # which the call itself says better
            return function(*args, **kwargs)
        given = bound.arguments
        owner = function.__name__
        if owner == '__init__':
            owner = type(args[0]).__name__
        for name, value in given.items():
            if not _is_single(signature, name):
                continue
            hint = hints().get(name, Any)
            expected = mismatch(hint, value)
            if expected:
                raise ArgumentError(owner, f'{name}={value!r}', expected)
            if any(kind in (str, dict) for kind in (hint, *get_args(hint))):
                given[name] = text_paths(value)
        return function(*bound.args, **bound.kwargs)

    return cast(_Function, call)


def text_paths(value: Any) -> Any:
    """A path as text, also in the values of a dict; anything else as it is."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if not isinstance(value, dict):
        return value
    if not any(isinstance(part, os.PathLike) for part in value.values()):
        return value
    return {key: text_paths(part) for key, part in value.items()}


def _is_single(signature, name) -> bool:
    kind = signature.parameters[name].kind
    return kind not in (
        inspect.Parameter.VAR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )


def mismatch(hint: Any, value: object) -> str:
    """What a value would have to be; '' where it is what the hint says.

    Args:
        hint: a type hint; one that names any other class fits everything.
        value: of the argument.
    """
    return '' if _fits(hint, value) else _words(hint)


def _fits(hint, value) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        limits = [m for m in inner[1:] if isinstance(m, Limit)]
        return _fits(inner[0], value) and all(m.holds(value) for m in limits)
    if origin in _UNIONS:
        return any(_fits(choice, value) for choice in inner)
    if origin is Literal:
        return any(type(c) is type(value) and c == value for c in inner)
    if origin in _LISTS:
        if not isinstance(value, (list, tuple)):
            return False
        return (
            origin is tuple
            and inner[-1] is not ...
            or all(_fits(inner[0], item) for item in value)
        )
    kinds = _KINDS.get(origin or hint)
    if kinds is None:  # of some class, which is not for a config to give
        return True
    if isinstance(value, bool) and bool not in kinds:
        return False
    if not isinstance(value, kinds):
        return False
    return not isinstance(value, float) or math.isfinite(value)


def _words(hint) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        limits = [m.words for m in inner[1:] if isinstance(m, Limit)]
        return ' '.join([_words(inner[0]), *limits])
    if origin in _UNIONS:
        return ' or '.join(_words(choice) for choice in inner)
    if origin is Literal:
        return f'one of {", ".join(map(repr, inner))}'
    if origin in _LISTS:
        return f'a list, each item {_words(inner[0])}'
    return _NAMES.get(origin or hint, getattr(hint, '__name__', str(hint)))


_LISTS = (tuple, list, Sequence)
_KINDS: dict[Any, tuple[type, ...]] = {
    bool: (bool,),
    int: (Integral,),
    float: (Real,),
    str: (str, os.PathLike),
    dict: (dict,),
    NoneType: (NoneType,),
}
_NAMES = {
    bool: 'True or False',
    int: 'a whole number',
    float: 'a number',
    str: 'a text',
    dict: 'a dict',
    NoneType: 'None',
}


def basic_mismatch(hint: Any, value: object) -> str:
    """As :func:`mismatch`, for hints of others, which are no promise.

    Only texts and booleans where a hint names other basic kinds; of a choice
    of kinds, those that are classes are passed over.

    Args:
        hint: a type hint.
        value: of the argument.
    """
    if not isinstance(value, str | bool):
        return ''
    choices = get_args(hint) if get_origin(hint) in _UNIONS else (hint,)
    basic = [choice for choice in choices if choice in _KINDS]
    if not basic or any(_fits(choice, value) for choice in basic):
        return ''
    if isinstance(value, bool) and int in basic:
        return ''  # which Python takes for a number
    return ' or '.join(_words(choice) for choice in basic)


_UNIONS = (Union, UnionType)
