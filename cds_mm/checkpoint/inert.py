"""Stand-ins for what a checkpoint may name but must never run.

A training checkpoint of MMEngine holds log buffers and NumPy scalars beside
its tensors.  A converter needs none of them, so their names lead to objects
that accept whatever they are given and do nothing.  ``getattr``, which the
pickle of a log buffer calls, becomes a function that returns ``None``: with
the real one in reach a file could walk from any object to ``os.system``.
"""


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


def inert_getattr(*args):
    """In the place of ``getattr``: looks nothing up."""
    return


def inert_call(*args):
    """In the place of NumPy's reconstructors: builds nothing."""
    return Inert()


_NUMBERS = ('Int', 'UInt', 'Float')
_NUMPY_DTYPES = ['BoolDType', 'LongDType', 'ULongDType']
_NUMPY_DTYPES += [f'{n}{b}DType' for n in _NUMBERS for b in (8, 16, 32, 64)]


_SCHEDULERS = 'mmengine.optim.scheduler.param_scheduler'


def inert_globals() -> list[tuple]:
    """The names that are allowed, each with its stand-in.

    Returns:
        list[tuple]: Pairs (stand-in, 'module.name') as
        ``torch.serialization.safe_globals`` takes them.
    """
    pairs = [
        (Inert, 'mmengine.logging.history_buffer.HistoryBuffer'),
        (inert_getattr, 'builtins.getattr'),
        # OneCycleLR's state names the curve that it follows.
        (Inert, f'{_SCHEDULERS}.OneCycleParamScheduler'),
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
