"""Newer names of torch, with what torch 2.6, the oldest supported, has.

Each name is looked up when it is used. All other modules use names that
torch 2.6 has.
"""

import contextlib
from collections.abc import Iterator, Mapping

import torch
import torch.distributed as dist
from torch import Tensor

# What torch called the query for a unit before it had `get_capabilities`.
_UNIT_QUERIES = {
    'avx512_bf16': '_is_avx512_bf16_supported',
    'amx_bf16': '_is_amx_tile_supported',
}


def all_gather_equal(gathered: Tensor, rows: Tensor) -> None:
    """Gather tensors of one shape from all ranks.

    Args:
        gathered: (world size * n, ...), filled in the order of ranks.
        rows: (n, ...) of this rank.
    """
    if hasattr(dist, 'all_gather_single'):
        dist.all_gather_single(gathered, rows)
    else:
        dist.all_gather_into_tensor(gathered, rows)


def reduce_scatter_equal(own: Tensor, rows: Tensor) -> None:
    """Sum tensors over all ranks; each rank receives its own part.

    Args:
        own: (n, ...), filled with the sum of this rank's part.
        rows: (world size * n, ...), one part for each rank.
    """
    if hasattr(dist, 'reduce_scatter_single'):
        dist.reduce_scatter_single(own, rows)
    else:
        dist.reduce_scatter_tensor(own, rows)


def cpu_capabilities() -> Mapping[str, object]:
    """Return what the processor can do, by torch's names for it.

    Before torch had `get_capabilities`, only the bfloat16 units are known.
    """
    if hasattr(torch.cpu, 'get_capabilities'):
        return torch.cpu.get_capabilities()
    # Private, and not in every version: an unknown unit counts as absent.
    return {
        unit: getattr(torch.cpu, query, bool)()
        for unit, query in _UNIT_QUERIES.items()
    }


@contextlib.contextmanager
def without_tf32() -> Iterator[None]:
    """Multiply and convolve in full float32 on a GPU, inside of the block."""
    # Torch makes `conv` at run time, so that its annotations lack it.
    convolutions = getattr(torch.backends.cudnn, 'conv', None)
    if hasattr(convolutions, 'fp32_precision'):
        # Not `allow_tf32`: reading it raises once anyone has used this way.
        with (
            _set(convolutions, 'fp32_precision', 'ieee'),
            _set(torch.backends.cuda.matmul, 'fp32_precision', 'ieee'),
        ):
            yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('highest')
    try:
        with _set(torch.backends.cudnn, 'allow_tf32', False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def _set(place: object, name: str, value: object) -> Iterator[None]:
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)
