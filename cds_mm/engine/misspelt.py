"""Which argument of a config was probably meant, as an error tells."""

import inspect
import re
import traceback
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

_UNEXPECTED = re.compile(
    r"([\w.<>]+)\(\) got an unexpected keyword argument '(\w+)'"
)
_NONE_TAKEN = re.compile(r'([\w.]+)\(\) takes no arguments')
_SHOWN = 12  # arguments that are listed where none is alike
# What the host takes out of a part before a class gets the rest of it.
_TAKEN_BEFORE = {
    r'(default|custom)_hooks\b': ('priority',),
    'optim_wrapper$': ('paramwise_cfg', 'constructor'),
    r'param_scheduler(\[\d+\])?$': ('convert_to_iter_based',),
    r'\w+_dataloader$': (
        'dataset',
        'sampler',
        'batch_sampler',
        'collate_fn',
        'num_batch_per_epoch',
    ),
}


class Misspelt(NamedTuple):
    """An argument that is not taken.

    Attributes:
        name: as it was given; empty where none at all is taken.
        arguments: that are taken.
    """

    name: str
    arguments: list[str]

    def advice(self, key: str, others: list[str]) -> str:
        """What to write instead.

        Args:
            key: of the part that the argument is in.
            others: dotted keys that are below the part.
        """
        names = [*self.arguments, 'type', *_of_the_host(key)]
        like = get_close_matches(self.name, names, 1)
        if like:
            return f'did you mean {key}.{like[0]}?'
        ends = {
            path.rpartition('.')[2]: path
            for path in reversed(others)
            if path.partition('.')[0] != self.name
        }
        like = get_close_matches(self.name, ends, 1, 0.75)
        if like:
            return f'did you mean {key}.{ends[like[0]]}?'
        if not self.arguments:
            return f'take {self.name} out of {key}'
        listed = ', '.join(self.arguments[:_SHOWN])
        more = ', ...' if self.arguments[_SHOWN:] else ''
        return f'{key} takes {listed}{more}'


def misspelt(
    error: BaseException | None, built: Any = None
) -> Misspelt | None:
    """The argument that a call has refused.

    Args:
        error: as it was raised.
        built: the class or function that was to be built, if it is known.

    Returns:
        None where the error is another one.
    """
    found = None
    while error is not None:
        if isinstance(error, TypeError):
            found = _refused(error, built) or found
        error = error.__cause__ or error.__context__
    return found


def taken(called: Any) -> list[str]:
    """Arguments of a function, or of a class with all that it hands on to."""
    names: dict[str, None] = {}
    for function in _constructors(called):
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            break
        kinds = {parameter.kind for parameter in parameters}
        for one in parameters:
            if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
                names[one.name] = None
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            break
    return [name for name in names if name != 'self']


def _of_the_host(key: str) -> list[str]:
    return [
        name
        for pattern, names in _TAKEN_BEFORE.items()
        if re.match(pattern, key)
        for name in names
    ]


def _constructors(called: Any) -> Iterator[Callable]:
    if not inspect.isclass(called):
        yield called
        return
    for kind in called.__mro__[:-1]:
        if '__init__' in vars(kind):
            yield vars(kind)['__init__']


def _refused(error: TypeError, built: Any) -> Misspelt | None:
    unexpected = _UNEXPECTED.search(str(error))
    if unexpected is None:
        nothing = _NONE_TAKEN.search(str(error))
        return Misspelt('', []) if nothing else None
    called = _named(error, unexpected[1].removesuffix('.__init__'))
    names: list[str] = []
    for one in (built, called):
        if one is not None:
            names += [name for name in taken(one) if name not in names]
    return Misspelt(unexpected[2], names)


def _named(error: TypeError, path: str) -> Any:
    """What was called, looked up where that was done."""
    first, *rest = path.split('.')
    for frame, _ in reversed([*traceback.walk_tb(error.__traceback__)]):
        found = frame.f_locals.get(first, frame.f_globals.get(first))
        for name in rest:
            found = getattr(found, name, None)
        if callable(found):
            return found
    return None
