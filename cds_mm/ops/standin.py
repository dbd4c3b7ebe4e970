"""The module that takes the place of `mmcv._ext`."""

import importlib.abc
import importlib.machinery
import types
from collections.abc import Callable

from cds_mm.ops import (
    deform_attn,
    deform_conv,
    focal_loss,
    roi_align,
    suppression,
)
from cds_mm.ops.not_provided import OpNotProvidedError

EXTENSION = 'mmcv._ext'


def get_compiler_version() -> str:
    """Answer for `mmcv.utils.collect_env`, which runs prints into logs."""
    return 'none (cds_mm stand-in)'


def get_compiling_cuda_version() -> str:
    """Answer for `mmcv.utils.collect_env`, as a build without CUDA does."""
    return 'not available'


_OPS = (
    suppression.nms,
    suppression.softnms,
    roi_align.roi_align_forward,
    roi_align.roi_align_backward,
    focal_loss.sigmoid_focal_loss_forward,
    focal_loss.sigmoid_focal_loss_backward,
    deform_conv.deform_conv_forward,
    deform_conv.deform_conv_backward_input,
    deform_conv.deform_conv_backward_parameters,
    deform_conv.modulated_deform_conv_forward,
    deform_conv.modulated_deform_conv_backward,
    deform_attn.ms_deform_attn_forward,
    deform_attn.ms_deform_attn_backward,
)
PROVIDED = tuple(op.__name__ for op in _OPS)


class _Loader(importlib.abc.Loader):
    """Says that the module is there and needs no loading.

    `mmcv.utils.ext_loader.check_ops_exist` asks for the loader, and MMEngine
    for the spec that carries it.
    """

    def create_module(self, spec) -> None:
        """Leave it to `importlib`."""

    def exec_module(self, module) -> None:
        """Do nothing: `build` has filled the module already."""


def build() -> types.ModuleType:
    """Return a new stand-in for `mmcv._ext`; nothing is put anywhere."""
    module = types.ModuleType(EXTENSION, __doc__)
    module.__spec__ = importlib.machinery.ModuleSpec(EXTENSION, _Loader())
    module.__loader__ = module.__spec__.loader
    module.__package__ = 'mmcv'
    for function in (*_OPS, get_compiler_version, get_compiling_cuda_version):
        setattr(module, function.__name__, function)
    vars(module).update(__getattr__=_missing, _is_cds_mm_standin=True)
    return module


def is_standin(module: object) -> bool:
    """Whether `module` came from `build`."""
    return getattr(module, '_is_cds_mm_standin', False) is True


def _missing(name: str) -> Callable:
    # `mmcv.ops` looks up all its ops when it is imported: only a call may
    # fail.  Names with an underscore are Python's own questions.
    if name.startswith('_'):
        raise AttributeError(f'{EXTENSION} has no {name}')

    def not_provided(*args, **kwargs):
        raise OpNotProvidedError(name)

    not_provided.__name__ = name
    return not_provided
