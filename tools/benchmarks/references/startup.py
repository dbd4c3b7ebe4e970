"""``import mmpretrain.models``, in a process of its own.

Where MMCV has no compiled operations, something that answers to every name
stands for them: the host imports the whole of MMDetection, and would fail
half-way and say so.
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import sys
import types
import warnings

EXTENSION = 'mmcv._ext'


def put_extension() -> None:
    """Put it where ``mmcv.ops`` looks for it."""
    module = types.ModuleType(EXTENSION)
    module.__spec__ = importlib.machinery.ModuleSpec(EXTENSION, None)
    module.__getattr__ = _anything
    sys.modules[EXTENSION] = module


def _anything(name):
    if name.startswith('_'):
        raise AttributeError(name)
    return print


with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    warnings.simplefilter('ignore')
    if not importlib.util.find_spec(EXTENSION):
        put_extension()
    import mmpretrain.models  # noqa: F401
