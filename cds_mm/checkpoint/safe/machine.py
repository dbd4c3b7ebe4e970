"""Runs the instructions of a pickle on stand-ins.

``pickletools`` decodes them; what each does is here, so that nothing depends
on what some unpickler allows.  A call reaches only the makers in the table
of names.
"""

import pickletools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from cds_mm.checkpoint.safe.limits import (
    MAX_INSTRUCTIONS,
    Refused,
    RunsCode,
)
from cds_mm.checkpoint.safe.names import modern_name
from cds_mm.checkpoint.safe.stack import Stack
from cds_mm.checkpoint.safe.stand_ins import Maker, Method, Unknown

_LITERALS = frozenset(
    'INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING '
    'BINSTRING SHORT_BINSTRING UNICODE SHORT_BINUNICODE BINUNICODE '
    'BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8'.split()
)
_NEW: dict[str, Callable[[], Any]] = {
    'NONE': lambda: None,
    'NEWTRUE': lambda: True,
    'NEWFALSE': lambda: False,
    'EMPTY_LIST': list,
    'EMPTY_DICT': dict,
    'EMPTY_TUPLE': tuple,
    'EMPTY_SET': set,
}
_PUTS = frozenset(('PUT', 'BINPUT', 'LONG_BINPUT'))
_GETS = frozenset(('GET', 'BINGET', 'LONG_BINGET'))
_NOTHING = frozenset(('PROTO', 'FRAME'))


class Instructions:
    """How many are left for a file, over all of its pickles.

    Args:
        limit: of all of them.
    """

    def __init__(self, limit: int = MAX_INSTRUCTIONS) -> None:
        self._limit = self._left = limit

    def count(self) -> None:
        """Count one.

        Raises:
            Refused: there were too many.
        """
        self._left -= 1
        if self._left < 0:
            raise Refused(
                'has far more entries than such a file (over '
                f'{self._limit:,} instructions)',
                'do not use it',
            )


class Machine(Stack):
    """One pickle.

    Args:
        names: the table of :func:`cds_mm.checkpoint.safe.names.allowed_names`.
        persistent: what a reference to data outside of the pickle is.
        instructions: left for the file.
    """

    def __init__(
        self,
        names: dict[str, Any],
        persistent: Callable[[Any], Any],
        instructions: Instructions,
    ):
        super().__init__()
        self._names = names
        self._persistent = persistent
        self._instructions = instructions

    def run(self, stream: Any) -> Any:
        """Execute a pickle to its end.

        Args:
            stream: stands at its start, and then behind its end.

        Returns:
            What it holds, with stand-ins in it.

        Raises:
            Refused: it is damaged, asks for too much, or for code.
        """
        try:
            for opcode, argument, _ in pickletools.genops(stream):
                self._instructions.count()
                self._step(opcode.name, argument)
            return self._stack.pop()
        except Refused:
            raise
        except Exception as error:  # whatever a broken pickle leads to
            reason = printable_cause(error)
            raise Refused(f'is damaged ({reason})') from error

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _LITERALS:
            stack.append(argument)
        elif name in _PUTS:
            self._memo[argument] = stack[-1]
        elif name in _GETS:
            stack.append(self._memo[argument])
        elif name in _NEW:
            stack.append(_NEW[name]())
        elif name not in _NOTHING:
            step = getattr(self, f'_{name.lower()}', None)
            if step is None:
                raise Refused(
                    f'is damaged (its pickle has {name}, which no checkpoint '
                    'needs)'
                )
            step(argument)

    def _global(self, argument: str) -> None:
        self._find(*argument.split(' ', 1))

    def _stack_global(self, _: None) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise Refused('is damaged (a name that is no text)')
        self._find(module, name)

    def _inst(self, argument: str) -> None:
        items = tuple(self._take())
        self._find(*argument.split(' ', 1))
        self._stack.append(items)
        self._reduce(None)

    def _obj(self, _: None) -> None:
        make, *items = self._take()
        self._stack += [make, tuple(items)]
        self._reduce(None)

    def _find(self, module: str, name: str) -> None:
        full = modern_name(module, name)
        if full in self._names:
            self._stack.append(self._names[full])
        else:
            self._stack.append(Unknown(full))

    def _reduce(self, _: None) -> None:
        arguments, make = self._stack.pop(), self._stack.pop()
        if isinstance(make, Unknown):
            raise RunsCode(make.name)
        if isinstance(make, Method):
            raise RunsCode(f'{make.owner}.{make.name}')
        if not isinstance(make, Maker) or type(arguments) is not tuple:
            raise Refused('is damaged (it calls what cannot be called)')
        _refuse_unknown(arguments)
        self._stack.append(make(*arguments))

    _newobj = _reduce

    def _build(self, _: None) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Unknown):
            raise RunsCode(target.name)
        if isinstance(target, OrderedDict):
            # MMEngine and torch keep the versions of layers there.
            metadata = type(state) is dict and state.get('_metadata')
            if isinstance(metadata, dict):
                target._metadata = metadata  # type: ignore[attr-defined]
            return
        build = getattr(type(target), 'build', None)
        if build is None:
            raise Refused('is damaged (a state for what has none)')
        build(target, state)

    def _bytearray8(self, argument: bytearray) -> None:
        self._stack.append(bytes(argument))

    def _persid(self, argument: str) -> None:
        self._stack.append(self._persistent(argument))

    def _binpersid(self, _: None) -> None:
        self._stack.append(self._persistent(self._stack.pop()))


def _refuse_unknown(arguments: tuple) -> None:
    for argument in arguments:
        if isinstance(argument, Unknown):
            raise RunsCode(argument.name)


def printable_cause(error: Exception) -> str:
    """The first words of an error that came of bytes from a file."""
    lines = str(error).splitlines()
    text = lines[0] if lines else type(error).__name__
    return ascii(text[:80])[1:-1]
