"""Differences between two networks that have a name."""

import torch

from cds_mm.checkpoint.arrival import Arrival, compare
from cds_mm.checkpoint.backbone_types import full_name
from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.checkpoint.family import depth_from_keys, stem_of
from cds_mm.checkpoint.norms import norm_change, norm_mismatch
from cds_mm.checkpoint.other_network import (
    argument_line,
    other_arguments,
    other_kind,
)
from cds_mm.checkpoint.record import BackboneRecord, function_of

_BOTTLENECK_FROM = 50
# What changes the function of a ResNet and none of its keys.
_FUNCTION = {
    'strides': (1, 2, 2, 2),
    'dilations': (1, 1, 1, 1),
}
_CHANGERS = ('dcn', 'sac', 'plugins', 'trident_dilations')


def add_structure(
    record: BackboneRecord,
    state: dict,
    detector: DetectorSide,
    reasons: list[str],
) -> None:
    """Appends what keeps the weights from fitting a detector's backbone.

    Args:
        record (BackboneRecord): The backbone record.
        state (dict[str, torch.Tensor]): Bare keys of the trained backbone.
        detector (DetectorSide): The other side.
        reasons (list[str]): One line each, with the setting that fixes it.
    """
    cfg = record.backbone
    found = compare(detector, state, cfg)
    norm = None
    if not found.whole:
        norm = norm_mismatch(state, detector, cfg.get('norm_cfg'))
    if not (found.whole or norm):
        kind = other_kind(cfg, state, detector, found)
        if kind:
            reasons.append(kind)
            return
    before = len(reasons)
    depth = depth_from_keys(state) or cfg.get('depth')
    other_depth = depth_mismatch(depth, detector)
    # Other widths follow from another depth.
    width = None if other_depth else _width(cfg, state, detector, found)
    stem = _stem(cfg, state, detector)
    reasons += filter(None, [norm, other_depth, stem, width])
    if not found.whole and len(reasons) == before:
        arguments = argument_line(cfg, detector)
        reasons.append(arguments or key_mismatch(state, detector, found))
    # Blocks of two 3x3 convolutions have one place for the stride only.
    if (depth or 0) >= _BOTTLENECK_FROM:
        _add_stride_style(cfg, detector, reasons)


def depth_mismatch(depth: int | None, detector: DetectorSide) -> str | None:
    """The line that says that a ResNet has another depth; none if not so.

    Args:
        depth (int | None): Of the file.
        detector (DetectorSide): The other side.
    """
    other = getattr(detector.backbone, 'depth', None)
    if not (depth and other and depth != other):
        return None
    return (
        f'depth: the file holds a ResNet-{depth}, {detector.name} builds '
        f'a ResNet-{other}; set model.backbone.depth={depth} (and the '
        "neck's in_channels) there"
    )


def _stem(cfg: dict, state: dict, detector: DetectorSide) -> str | None:
    ours = stem_of(state)
    theirs = stem_of(detector.backbone.state_dict())
    if None in (ours, theirs) or ours == theirs:
        return None
    kind = full_name(function_of(cfg)['type'])
    return (
        f'stem: the backbone was trained with a {ours}, '
        f"{detector.name} has a {theirs}; set model.backbone.type='{kind}' "
        'there, or pretrain with its stem'
    )


def _width(
    cfg: dict, state: dict, detector: DetectorSide, found: Arrival
) -> str | None:
    if not found.reshaped:
        return None
    key, theirs = found.reshaped[0], detector.backbone.state_dict()
    wanted = cfg.get('base_channels', 64)
    others = other_arguments(cfg, detector).items()
    named = ', '.join(
        f'model.backbone.{k}={ours!r}' for k, (ours, _) in others
    )
    fix = f"set {named} (and the neck's in_channels) there"
    if not named:
        fix = 'set the widths of model.backbone as in pretraining'
    if getattr(detector.backbone, 'base_channels', wanted) != wanted:
        fix = (
            f"set model.backbone.base_channels={wanted} (and the neck's "
            'in_channels) there'
        )
    return (
        f'width: {key} is {size(state[key])} in the file, {detector.name} '
        f'builds {size(theirs[key])}; {fix}'
    )


def key_mismatch(state: dict, detector: DetectorSide, found: Arrival) -> str:
    """The line that says which keys are missing or left over.

    Args:
        state (dict[str, torch.Tensor]): Of the file.
        detector (DetectorSide): The other side.
        found (Arrival): How they go together; not whole.
    """
    owner = f'the backbone of {detector.name}'
    if found.missing:
        return (
            f'{len(found.missing)} of {found.needed} tensors of {owner} are '
            f'missing, the first is {found.missing[0]} (the file starts with '
            f'{next(iter(state), "nothing")}); it is incomplete or of another '
            'network'
        )
    return (
        f'{len(found.unexpected)} tensors have no place in {owner}, the '
        f'first is {found.unexpected[0]}; it is of another network'
    )


def _add_stride_style(
    cfg: dict, detector: DetectorSide, reasons: list
) -> None:
    style = cfg.get('style', 'pytorch')
    other = getattr(detector.backbone, 'style', style)
    if style != other:
        reasons.append(
            f'stride style: the backbone was trained with {style!r}, '
            f'{detector.name} has {other!r}; set model.backbone.style='
            f'{style!r} there'
        )


def function_changes(record: BackboneRecord, detector: DetectorSide) -> str:
    """What a detector sets so that its backbone computes something else.

    Args:
        record (BackboneRecord): The backbone record.
        detector (DetectorSide): With its ``config``.

    Returns:
        str: Settings of ``model.backbone``; empty where none is known.
    """
    changes = []
    for key, usual in _FUNCTION.items():
        ours = tuple(record.backbone.get(key) or usual)
        theirs = tuple(getattr(detector.backbone, key, None) or ours)
        if theirs != ours[: len(theirs)]:
            changes.append(f'{key}={theirs} where pretraining had {ours}')
    norms = norm_change(record.backbone, detector.config)
    changes += [norms] if norms else []
    changes += [
        f'{key}={theirs} where pretraining had {ours}'
        for key, (ours, theirs) in other_arguments(
            record.backbone, detector
        ).items()
    ]
    for key in _CHANGERS:
        value = detector.config.get(key)
        if value:
            kind = value.get('type') if hasattr(value, 'get') else value
            changes.append(f'{key}={kind}' if key != 'plugins' else key)
    return ', '.join(changes)


def size(tensor: torch.Tensor) -> str:
    """The shape of a tensor in words."""
    return 'x'.join(map(str, tensor.shape)) or 'a scalar'
