"""The contrastive loss, forward and backward: time and peak memory."""

import argparse
import ctypes
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.pairs import Comparison, alternate, positive
from benchmarks.references.supcon import masked_supcon
from cds_mm.losses import contrastive_loss
from cds_mm.testing import random_units

NUM_VIEWS = 2
CLASSES = 1000  # as in ImageNet
M_MMAP_THRESHOLD = -3  # of glibc's malloc.h


def ours(z: Tensor, ids: Tensor) -> Tensor:
    """The package's loss of (N, D) rows and the (B,) ids of the images."""
    return contrastive_loss(z, ids)


def reference(z: Tensor, ids: Tensor) -> Tensor:
    """The masked one of the same arguments."""
    return masked_supcon(z, ids.repeat(NUM_VIEWS))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The sizes."""
    parser.add_argument(
        '--rows',
        type=pairs_of_rows,
        default=8192,
        help='N, of two views together, an even number',
    )
    parser.add_argument(
        '--dims',
        type=positive,
        nargs='+',
        default=[512, 2048],
        help='D of each',
    )
    parser.add_argument(
        '--growth',
        type=pairs_of_rows,
        nargs='*',
        default=[4096, 8192, 16384],
        help='N of which our memory is reported, too',
    )


def pairs_of_rows(text: str) -> int:
    """A number of rows, as argparse reads it."""
    rows = positive(text)
    if rows % NUM_VIEWS:
        raise argparse.ArgumentTypeError(f'{rows} is odd; N is even')
    return rows


def compare(args: argparse.Namespace) -> list[Comparison]:
    """Time in turns in this process, memory in turns of fresh processes."""
    rows = []
    for width in args.dims:
        what = f'{args.rows} rows, D = {width}'
        rows.append(_time(what, args.rows, width, args.repeats))
        memory = _memory(what, args.rows, width, args.repeats)
        for more in args.growth:
            extra = in_fresh_process(peak_memory, ours, more, width)
            memory.notes[f'{more} rows'] = f'{extra:.1f} MiB'
        rows.append(memory)
    return rows


def random_inputs(rows: int, width: int) -> tuple[Tensor, Tensor]:
    """Unit rows (N, D) that want a gradient, ids (N / 2,)."""
    generator = torch.Generator().manual_seed(0)
    z = random_units(rows, width, generator, torch.float32)
    ids = torch.randint(CLASSES, (rows // NUM_VIEWS,), generator=generator)
    return z.requires_grad_(), ids


def seconds(contrast, z: Tensor, ids: Tensor) -> float:
    """Of one forward and backward pass; the gradient is left in ``z``."""
    z.grad = None
    start = time.perf_counter()
    contrast(z, ids).backward()
    return time.perf_counter() - start


def peak_memory(contrast, rows: int, width: int) -> float:
    """MiB by which a pass raises the resident memory of this process.

    To be called in a fresh process.  ``ru_maxrss`` will not do: a child
    begins with its parent's.  Memory that was freed, but that malloc keeps,
    would be used again uncounted or counted though it is unused: here all
    tensors but the smallest are mapped, and are given back when they go.
    """
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**16)
    # Code that is loaded at its first use is not the loss' memory.
    seconds(contrast, *random_inputs(64, width))
    inputs = random_inputs(rows, width)
    Path('/proc/self/clear_refs').write_text('5')  # resets VmHWM
    before = _status('VmRSS')
    seconds(contrast, *inputs)
    return (_status('VmHWM') - before) / 2**10


def in_fresh_process(function, *args):
    """What the function returns, of module level, in a new process.

    It is forked from a server that has imported the package, but has done
    nothing else: the import takes seconds.
    """
    server = multiprocessing.get_context('forkserver')
    server.set_forkserver_preload(['cds_mm.losses', 'cds_mm.testing'])
    with ProcessPoolExecutor(1, server) as process:
        return process.submit(function, *args).result()


def _time(what, rows, width, repeats):
    inputs = random_inputs(rows, width)
    figures = alternate(
        partial(seconds, ours, *inputs),
        partial(seconds, reference, *inputs),
        repeats,
    )
    return Comparison(f'time of {what}', 's', *figures, target=1)


def _memory(what, rows, width, repeats):
    figures = alternate(
        partial(in_fresh_process, peak_memory, ours, rows, width),
        partial(in_fresh_process, peak_memory, reference, rows, width),
        repeats,
        warm_ups=0,
    )
    return Comparison(f'peak memory of {what}', 'MiB', *figures, target=8)


def _status(name):
    """KiB of a field of Linux' account of this process."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise KeyError(name)
