"""Another class of networks, other names, other outputs, other arguments."""

import re
from collections.abc import Mapping
from typing import Any

from cds_mm.checkpoint.arrival import Arrival, trained_outputs
from cds_mm.checkpoint.backbone_types import (
    backbone_type,
    defaults_of,
    full_name,
    outputs_of,
)
from cds_mm.checkpoint.detector import build_model
from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.checkpoint.record import as_lists, function_of
from cds_mm.errors import UserError

# Below this share of common keys it is another kind of network.
_SAME_KIND = 0.5
_VARIANT = re.compile(
    r'^(DetectoRS_|Trident)|(_CIFAR|NoMaxPool|AnyDepth|V1[bcd])$'
)
# Of these there are lines of their own, or they change no weights' place.
_HANDLED = (
    'type out_indices norm_cfg depth base_channels style strides dilations '
    'dcn stage_with_dcn sac stage_with_sac plugins num_stages conv_cfg '
    'trident_dilations'
).split()


def other_kind(
    cfg: Mapping, state: Mapping, detector: DetectorSide, found: Arrival
) -> str | None:
    """The line that says that a detector has another network.

    Args:
        cfg (Mapping): The trained backbone.
        state (Mapping): Bare keys of the file.
        detector (DetectorSide): The other side.
        found (Arrival): How they go together; not whole.

    Returns:
        str | None: None if it is the same class under the same names, or a
        variant of it.
    """
    full = full_name(function_of(dict(cfg))['type'])
    ours = full.rpartition('.')[2]
    theirs = type(detector.backbone).__name__
    depth = f'-{cfg["depth"]}' if cfg.get('depth') else ''
    outputs = _other_outputs(cfg, detector, found)
    if outputs:
        return outputs
    if ours == theirs and not _same_names(full, state, detector):
        return None
    if ours == theirs:
        return (
            f"tensor names: {detector.name}'s {theirs} has others than the "
            f'{full} that was trained ({_first(found)}); convert the '
            'training checkpoint with --detector, which takes them over, or '
            f"set model.backbone.type='{full}' there, with the out_indices "
            'that the neck needs'
        )
    wanted = detector.backbone.state_dict()
    common = sum(key in wanted for key in state)
    alike = common >= _SAME_KIND * min(len(wanted), len(state))
    if alike and _family(ours) == _family(theirs):
        return None
    return (
        f'backbone: the file holds a {ours}{depth}, {detector.name} builds a '
        f"{theirs}; set model.backbone.type='{full}' and its arguments as in "
        "pretraining there (and the neck's in_channels), or name a detector "
        'of it'
    )


def other_arguments(
    cfg: Mapping, detector: DetectorSide
) -> dict[str, tuple[Any, Any]]:
    """Arguments that two backbones of one class do not share.

    Args:
        cfg (Mapping): The trained backbone.
        detector (DetectorSide): The other side.

    Returns:
        dict[str, tuple]: By name the values of the training and of the
        detector, the default where one leaves it out; empty for other
        classes.
    """
    ours, theirs = function_of(dict(cfg)), function_of(dict(detector.config))
    names = [str(one['type']).rpartition('.')[2] for one in (ours, theirs)]
    if names[0] != names[1]:
        return {}
    keys = [*dict.fromkeys([*ours, *theirs])]
    kind = backbone_type(ours['type'])
    ours = {**(defaults_of(kind.kind) if kind else {}), **ours}
    theirs = {**defaults_of(type(detector.backbone)), **theirs}
    pairs = {key: (ours.get(key), theirs.get(key)) for key in keys}
    return {
        key: pair
        for key, pair in pairs.items()
        if key not in _HANDLED and as_lists(pair[0]) != as_lists(pair[1])
    }


def argument_line(cfg: Mapping, detector: DetectorSide) -> str | None:
    """The line that names arguments that differ; none where none does."""
    found = other_arguments(cfg, detector)
    if not found:
        return None
    trained = ', '.join(f'{key}={ours!r}' for key, (ours, _) in found.items())
    built = ', '.join(f'{key}={its!r}' for key, (_, its) in found.items())
    return (
        f'arguments: the backbone was trained with {trained}, '
        f'{detector.name} has {built} (None: left out); set those of '
        'model.backbone as in pretraining there'
    )


def _family(name: str) -> str:
    """Of variants with another stem, or with layers of a detector."""
    return _VARIANT.sub('', name)


def _other_outputs(
    cfg: Mapping, detector: DetectorSide, found: Arrival
) -> str | None:
    """Outputs whose layers the training did not have."""
    if not found.missing or found.unexpected or found.reshaped:
        return None
    kept = trained_outputs(detector, cfg)
    if not kept or any(key in kept for key in found.missing):
        return None
    ours = tuple(outputs_of(cfg) or ())
    theirs = tuple(outputs_of(detector.config) or ())
    return (
        f'out_indices: the backbone was trained with {ours}, {detector.name} '
        f'takes {theirs}, so {len(found.missing)} tensors of its outputs were '
        f'not trained, the first is {found.missing[0]}; pretrain with '
        f'model.backbone.out_indices={theirs}, or set {ours} there (and the '
        "neck's in_channels)"
    )


def _same_names(full: str, state: Mapping, detector: DetectorSide) -> bool:
    """Whether the trained class, as this detector sets it, has the keys."""
    if type(detector.backbone).__module__.startswith(full.split('.')[0] + '.'):
        return False
    config = {**detector.config, 'type': full}
    try:
        twin = build_model(config, detector.name).state_dict()
    except UserError:
        try:  # out_indices count other things there
            config.pop('out_indices', None)
            twin = build_model(config, detector.name).state_dict()
        except UserError:
            return False
    return twin.keys() == state.keys() and all(
        twin[key].shape == state[key].shape for key in state
    )


def _first(found: Arrival) -> str:
    lines = {
        'missing': found.missing,
        'without a place': found.unexpected,
        'of another shape': found.reshaped,
    }
    return ', '.join(
        f'{len(keys)} {word}, e.g. {keys[0]}'
        for word, keys in lines.items()
        if keys
    )
