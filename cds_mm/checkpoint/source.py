"""Rebuilds the trained backbone from its record, without running it.

A registry of MMEngine that does not know a ``type`` imports it by name, so a
record such as ``{'type': 'os.system', 'command': ...}`` would run.  Hence
only names that are registered are let through, and nothing that loads files.
"""

import copy
from collections.abc import Mapping

import torch
from torch import nn

from cds_mm.checkpoint.backbone_types import (
    MMDET,
    MMPRETRAIN,
    BackboneType,
    backbone_type,
)
from cds_mm.checkpoint.bounded_build import bounded_build, check_numbers
from cds_mm.checkpoint.fit import fit
from cds_mm.checkpoint.record import BackboneRecord, function_of
from cds_mm.checkpoint.structure import size
from cds_mm.config import plain_batchnorm
from cds_mm.errors import UserError, first_line

# In a name: wants to read a file, or to look elsewhere for its class.
_FORBIDDEN = ('init_cfg', 'pretrained', 'checkpoint', '_scope_')
# In a value: a file, a folder or a server.
_PLACES = (':', '/', '\\')
_MMDET_LAYERS = 'mmdet.models.layers.'
# Its heads and methods, some of which read files, are registered, too.
_MMPRETRAIN_LAYERS = (
    'mmpretrain.models.utils.',
    'mmpretrain.models.backbones.',
)
_LARGEST_NETWORK = 16 << 30  # bytes
_SMALL_NETWORK = 256 << 20  # bytes
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def build_source(
    record: BackboneRecord,
    path,
    weights: Mapping[str, torch.Tensor] | None = None,
) -> nn.Module:
    """The recorded backbone with random weights, in evaluation mode.

    Args:
        record (BackboneRecord): The backbone record.
        path: The file, for messages.
        weights (Mapping | None): That are to fill it; a network that is far
            larger is not built.

    Returns:
        nn.Module: float32, on the CPU.

    Raises:
        UserError: An unknown type, or a record that asks for more than a
            backbone.
    """
    from mmengine.registry import MODELS, DefaultScope

    # A copy: the record is written as the training had it.
    cfg = copy.deepcopy(function_of(record.backbone))
    found = _registered_backbone(cfg.get('type'), path)
    _check_nested({**cfg, 'type': found.name}, path, found.scope)
    cfg['type'] = found.kind
    plain_batchnorm(cfg)
    try:
        check_numbers(cfg)
        # The run's random numbers are not for this.
        with (
            torch.random.fork_rng(devices=[]),
            DefaultScope.overwrite_default_scope(found.scope),
            bounded_build(_honest_size(weights)),
        ):
            model = MODELS.children[found.scope].build(cfg)
    # Its arguments come from a file, and lead to any error.
    except Exception as error:
        raise UserError(
            f'{path}: the backbone {found.name} of its record cannot be '
            f'built ({first_line(error)[:120]}); name the training config '
            'with --config'
        ) from error
    model.eval()  # of a ResNet, this returns nothing
    return model


def _honest_size(weights: Mapping[str, torch.Tensor] | None) -> int:
    """Bytes that the network of some weights may take, with buffers."""
    if weights is None:
        return _LARGEST_NETWORK
    elements = sum(value.numel() for value in weights.values())
    return 4 * (4 * elements) + _SMALL_NETWORK


def _registered_backbone(kind, path) -> BackboneType:
    found = backbone_type(kind)
    if found is None:
        raise UserError(
            f'{path}: its record asks for {kind!r}, which is no backbone of '
            'MMPretrain, MMDetection or cds_mm; name the training config '
            'with --config, and its module in custom_imports there'
        )
    return found


def _check_nested(value, path, scope: str, top: bool = True) -> None:
    """Refuses types that are not registered, and what reads files.

    timm, for one, takes a name with a colon for a place to load from.
    """
    if isinstance(value, str) and any(mark in value for mark in _PLACES):
        raise UserError(
            f'{path}: its record holds {value!r}, which names a place to load '
            'from; do not use this file'
        )
    if isinstance(value, list | tuple):
        for item in value:
            _check_nested(item, path, scope, False)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        key = str(key)
        reads = any(word in key for word in _FORBIDDEN)
        # The type at the top is a backbone, as was seen.
        layer = top or key != 'type' or _known_layer(item, scope)
        if reads or not layer:
            raise UserError(
                f'{path}: its record holds {key}={item!r}, which is no part '
                'of a backbone; do not use this file'
            )
        _check_nested(item, path, scope, False)


def _known_layer(kind, scope: str) -> bool:
    from mmengine.registry import MODELS

    if not isinstance(kind, str):
        return False
    # Of MMDetection only its layers: its detectors are registered there, too.
    if scope == MMDET:
        own = MODELS.children[MMDET].module_dict.get(kind)
        if str(getattr(own, '__module__', None)).startswith(_MMDET_LAYERS):
            return True
    for names in (MODELS, MODELS.children[MMPRETRAIN]):
        place = str(getattr(names.module_dict.get(kind), '__module__', None))
        inside = place.startswith(f'{MMPRETRAIN}.')
        if kind in names.module_dict:
            return not inside or place.startswith(_MMPRETRAIN_LAYERS)
    return False


def load_strictly(model: nn.Module, state: dict, path, owner: str) -> None:
    """Copies weights into a model, all of them or an error.

    Args:
        model (nn.Module): The backbone.
        state (dict[str, torch.Tensor]): Bare keys.
        path: Where they come from, for messages.
        owner (str): What the model is, for messages.

    Raises:
        UserError: Keys missing or left over, or other shapes or kinds of
            numbers.
    """
    wanted = model.state_dict()
    found = fit(wanted, state)
    if found.missing:
        raise UserError(
            f'{path}: {len(found.missing)} of {len(found.needed)} tensors of '
            f'{owner} are missing, the first is {found.missing[0]} (the file '
            f'starts with {next(iter(state), "nothing")}); it is incomplete '
            'or of another network'
        )
    if found.unexpected:
        raise UserError(
            f'{path}: {len(found.unexpected)} tensors have no place in '
            f'{owner}, the first is {found.unexpected[0]}; it is of another '
            'network'
        )
    for key in found.reshaped:
        raise UserError(
            f'{path}: {key} is {size(state[key])}, but {size(wanted[key])} '
            f'in {owner}; it is of another network'
        )
    for key, value in state.items():
        _check_kind(key, value, wanted[key], path, owner)
    model.load_state_dict({**wanted, **state}, strict=True)


def _check_kind(key: str, value, wanted, path, owner: str) -> None:
    dense = value.layout is torch.strided and not value.is_meta
    if wanted.is_floating_point():
        same = dense and value.dtype in _FLOATS
    else:
        # Tools that turn a file into another precision turn counters, too.
        same = dense and not value.is_complex()
    if not same:
        kind = str(value.dtype).removeprefix('torch.')
        raise UserError(
            f'{path}: {key} holds numbers of type {kind}'
            f'{"" if dense else ", not dense"}, but '
            f'{str(wanted.dtype).removeprefix("torch.")} in {owner}; they '
            'are no trained weights: save the checkpoint in a floating type'
        )
    if key.endswith('running_var') and bool((value < 0).any()):
        raise UserError(
            f'{path}: {key} has a variance below 0; the file is damaged, or '
            'its training diverged: take another checkpoint'
        )
