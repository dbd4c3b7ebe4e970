"""Checks whether compiled MMCV operations are installed and work."""

import importlib
import importlib.machinery
import importlib.util
import sys
import types

import torch

from cds_mm.errors import first_line
from cds_mm.ops.standin import EXTENSION


def find() -> bool:
    """Whether there is something called `mmcv._ext` to import.

    Raises:
        ModuleNotFoundError: if there is no MMCV at all.
    """
    if sys.modules.get(EXTENSION) is not None:
        return True
    # Asking for `mmcv._ext` would import MMCV; this only looks at files.
    host = importlib.util.find_spec('mmcv')
    if host is None:
        raise ModuleNotFoundError('MMCV is not installed', name='mmcv')
    folders = host.submodule_search_locations
    finder = importlib.machinery.PathFinder
    return finder.find_spec(EXTENSION, folders) is not None


def failure() -> str | None:
    """Import the compiled module and try it; return the cause, or None.

    A build for another torch fails to import, or imports and then fails at
    the first call of each op.  Two tiny calls on the CPU find that out; no
    call is made on a GPU, since that would start CUDA in every process.
    """
    try:
        extension = importlib.import_module(EXTENSION)
    except Exception as error:  # whatever a foreign binary raises
        return f'it cannot be imported: {_said(error)}'
    for attempt in (_try_nms, _try_roi_align):
        try:
            attempt(extension)
        except Exception as error:
            op = attempt.__name__.removeprefix('_try_')
            return f'its {op} fails: {_said(error)}'
    if torch.cuda.is_available() and _is_cpu_build(extension):
        return 'it was built without CUDA, but there is a GPU'
    return None


def _said(error):
    return f'{type(error).__name__}: {first_line(error)}'


def _try_nms(extension: types.ModuleType) -> None:
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 3], [8, 8, 9, 9]])
    scores = torch.tensor([0.9, 0.8, 0.7])
    kept = extension.nms(boxes, scores, iou_threshold=0.5, offset=0)
    if kept.tolist() != [0, 2]:
        raise ValueError(f'kept boxes {kept.tolist()} instead of [0, 2]')


def _try_roi_align(extension: types.ModuleType) -> None:
    output = torch.zeros(1, 1, 1, 1)
    extension.roi_align_forward(
        torch.full((1, 1, 4, 4), 3.0),
        torch.tensor([[0.0, 1, 1, 3, 3]]),
        output,
        torch.zeros(0),
        torch.zeros(0),
        aligned_height=1,
        aligned_width=1,
        spatial_scale=1.0,
        sampling_ratio=2,
        pool_mode=1,
        aligned=True,
    )
    if abs(output.item() - 3) > 1e-4:
        raise ValueError(f'a map of 3s gave {output.item()}')


def _is_cpu_build(extension: types.ModuleType) -> bool:
    version = getattr(extension, 'get_compiling_cuda_version', None)
    return version is not None and version() == 'not available'
