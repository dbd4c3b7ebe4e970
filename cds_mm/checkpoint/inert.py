"""Stand-ins for what a checkpoint may name but must never run.

A training checkpoint of MMEngine holds log buffers and NumPy scalars beside
its tensors.  A converter needs none of them, so their names lead to objects
that accept whatever they are given and do nothing.  ``getattr``, which log
buffers and OneCycleLR call, is refused for all but what those two ask: the
host, which loads the same file after this check, has the real one in reach
and would walk from any object to ``exec``.
"""

from collections.abc import Callable


class RefusedLookup(Exception):
    """A file asks ``getattr`` for what no checkpoint needs."""


class Inert:
    """Accepts any construction and any state, and keeps nothing."""

    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        pass

    def __repr__(self):
        return '<left unread>'

    # Equal content of two files compares equal; there is no content.
    def __eq__(self, other):
        return isinstance(other, Inert)

    __hash__ = object.__hash__


class InertBuffer(Inert):
    """In the place of MMEngine's HistoryBuffer."""


class InertScheduler(Inert):
    """In the place of the class behind OneCycleLR."""


# What the state of each names: a buffer its statistics, OneCycleLR the curve
# that it follows.
_LOOKUPS = {
    InertBuffer: ('min', 'max', 'current', 'mean'),
    InertScheduler: ('_annealing_cos', '_annealing_linear'),
}


def inert_getattr(*args):
    """In the place of ``getattr``: looks nothing up.

    Raises:
        RefusedLookup: With the real one, the file would get further.
    """
    if len(args) == 2 and isinstance(args[1], str):
        for owner, names in _LOOKUPS.items():
            # Not `==`: a file may bring objects that are equal to anything.
            if args[0] is owner and args[1] in names:
                return
    asked = ', '.join(repr(a)[:60] for a in args[1:])
    raise RefusedLookup(f'getattr(..., {asked})')


def inert_call(*args):
    """In the place of NumPy's reconstructors: builds nothing."""
    return Inert()


_NUMBERS = ('Int', 'UInt', 'Float')
_NUMPY_DTYPES = ['BoolDType', 'LongDType', 'ULongDType']
_NUMPY_DTYPES += [f'{n}{b}DType' for n in _NUMBERS for b in (8, 16, 32, 64)]


_SCHEDULERS = 'mmengine.optim.scheduler.param_scheduler'


def inert_globals() -> list[tuple[Callable, str]]:
    """The names that are allowed, each with its stand-in.

    Returns:
        list[tuple]: Pairs (stand-in, 'module.name') as
        ``torch.serialization.safe_globals`` takes them.
    """
    pairs: list[tuple[Callable, str]] = [
        (InertBuffer, 'mmengine.logging.history_buffer.HistoryBuffer'),
        (inert_getattr, 'builtins.getattr'),
        (InertScheduler, f'{_SCHEDULERS}.OneCycleParamScheduler'),
        (Inert, 'numpy.ndarray'),
        (Inert, 'numpy.dtype'),
        # MMEngine's own list of what its checkpoints may hold has it.
        (inert_call, 'builtins.slice'),
    ]
    for package in ('numpy.core', 'numpy._core'):
        for name in ('_reconstruct', 'scalar'):
            pairs.append((inert_call, f'{package}.multiarray.{name}'))
        pairs.append((inert_call, f'{package}.numeric._frombuffer'))
    for name in _NUMPY_DTYPES:
        pairs.append((Inert, f'numpy.dtypes.{name}'))
    return pairs
