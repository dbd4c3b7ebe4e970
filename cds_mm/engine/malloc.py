"""What a run sets up of its process's memory before it builds anything."""

import ctypes
import gc
import os
import sys

import torch

# glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_OF_THE_USER = ('MALLOC_TRIM_THRESHOLD_', 'MALLOC_MMAP_MAX_')


def spare_imports() -> None:
    """Leave what is imported by now out of the search for garbage.

    The hosts search whenever a data set is built, a quarter of a second each
    time, and find nothing in the modules.  A data loader's workers would copy
    every page that they search.
    """
    gc.freeze()


def calm_malloc() -> bool:
    """Let glibc keep the memory that a step has freed for the next one.

    It would give large blocks back to the system after each step and take
    them again: hundreds of thousands of page faults a step.  Holds for this
    process and those that it forks, from now on; the peak stays resident.

    Returns:
        bool: whether it does; not where a GPU computes, nor where the C
        library is another one, nor where the user has set it in the
        environment.
    """
    if torch.cuda.is_available() or not sys.platform.startswith('linux'):
        return False
    if any(name in os.environ for name in _OF_THE_USER):
        return False
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:  # musl
        return False
    # Not `all` of a generator, which would stop at the first refusal.
    return all([mallopt(_M_MMAP_MAX, 0), mallopt(_M_TRIM_THRESHOLD, -1)])
