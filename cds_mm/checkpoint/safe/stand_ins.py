"""What stands in a loaded tree until all of it is known.

None of them can be called, and none takes an attribute from a file.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from cds_mm.checkpoint.safe.limits import Refused, RunsCode


class Maker:
    """A name that a file may call: makes one kind of plain value.

    Args:
        name: as it is in files.
        make: takes the arguments from the file, and checks them.
    """

    __slots__ = ('make', 'name')

    def __init__(self, name: str, make: Callable[..., Any]):
        self.name = name
        self.make = make

    def __call__(self, *arguments: Any) -> Any:
        """Make the value.

        Raises:
            Refused: the arguments are not those of such a value.
        """
        try:
            return self.make(*arguments)
        except Refused:
            raise
        except Exception as error:
            raise Refused(
                f'is damaged ({self.name} has arguments that do not fit)'
            ) from error


class Unknown:
    """A name outside the table.  It must not be called, nor be left over."""

    __slots__ = ('name',)

    def __init__(self, name: str):
        self.name = name


class Method:
    """A function that a log buffer or a scheduler keeps in its state.

    Args:
        owner: name of its class.
        name: of the function.
    """

    __slots__ = ('name', 'owner')

    def __init__(self, owner: str, name: str):
        self.owner = owner
        self.name = name

    def __repr__(self) -> str:
        return f'<{self.owner}.{self.name}>'

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Method):
            return False
        return (self.owner, self.name) == (other.owner, other.name)

    def __hash__(self) -> int:
        return hash((self.owner, self.name))


class LogBuffer:
    """The numbers of MMEngine's HistoryBuffer.

    Attributes:
        state: as the file has it, until the tree is finished.
        values: that were logged, in one dimension.
        counts: of what each is the mean.
        max_length: of both.
    """

    __slots__ = ('counts', 'max_length', 'state', 'values')

    def __init__(self) -> None:
        self.state: dict = {}
        self.values = self.counts = np.zeros(0)
        self.max_length = 0

    def build(self, state: object) -> None:
        """Keep the state that a file brings.

        Raises:
            Refused: it is no dict.
        """
        if type(state) is not dict:
            raise Refused('is damaged (a log buffer without a state)')
        self.state = state

    def __repr__(self) -> str:
        return '<log buffer>'

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LogBuffer):
            return False
        ours, theirs = (
            (b.max_length, b.values.tolist(), b.counts.tolist())
            for b in (self, other)
        )
        return ours == theirs

    __hash__ = object.__hash__


class Instances:
    """The fields of MMEngine's InstanceData, as proposals are kept in.

    Attributes:
        state: the fields by their names, and which of them are of the image.
    """

    __slots__ = ('state',)

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def build(self, state: object) -> None:
        """Keep the fields that a file brings.

        Raises:
            Refused: they are no dict of names.
        """
        if type(state) is not dict or not all(type(k) is str for k in state):
            raise Refused('is damaged (instances without fields)')
        self.state = state


# The functions that the state of each names.
_LOOKUPS = {
    'HistoryBuffer': ('min', 'max', 'current', 'mean'),
    'OneCycleParamScheduler': ('_annealing_cos', '_annealing_linear'),
}


def look_up(*arguments: object) -> Method:
    """In the place of ``getattr``: for what those two classes ask only.

    Raises:
        RunsCode: anything else; with the real one a file gets to ``exec``.
    """
    if len(arguments) == 2:
        owner, name = arguments
        if isinstance(owner, Maker) and type(name) is str:
            short = owner.name.rpartition('.')[2]
            if name in _LOOKUPS.get(short, ()):
                return Method(short, name)
    asked = ', '.join(repr(a)[:60] for a in arguments[1:])
    raise RunsCode(f'getattr(..., {asked})')
