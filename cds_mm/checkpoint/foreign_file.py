"""Whether a file of somebody else fills a backbone."""

import re
from collections import Counter

from cds_mm.checkpoint.arrival import compare
from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.checkpoint.family import depth_from_keys
from cds_mm.checkpoint.fit import fit
from cds_mm.checkpoint.init_file import (
    MOST,
    InitWeights,
    check_place,
    refuse_unknown,
)
from cds_mm.checkpoint.norms import norm_mismatch
from cds_mm.checkpoint.own_loading import changes_what_it_loads, own_loading
from cds_mm.checkpoint.structure import depth_mismatch, key_mismatch, size
from cds_mm.errors import UserError

# A share of a file's keys that is more than a stray bias.
_STRAY = 0.05
_LAST_STAGE = re.compile(r'layer[2-9]')


def check_foreign_keys(weights: InitWeights, side: DetectorSide) -> list[str]:
    """Whether a file without a record fills a backbone.

    Args:
        weights (InitWeights): What MMEngine takes out of it.
        side (DetectorSide): The backbone.

    Returns:
        list[str]: What is suspicious, one line each.

    Raises:
        UserError: Tensors of the backbone are missing, or have another
            shape.
    """
    if own_loading(side.backbone) and changes_what_it_loads(side.backbone):
        return _doubts_of_own_loading(weights, side)
    check_place(weights, side)
    state = _of_backbone(weights.state, side)
    found = compare(side, state)
    reason = depth_mismatch(depth_from_keys(state), side)
    if found.missing:
        reason = (
            reason
            or norm_mismatch(state, side)
            or key_mismatch(state, side, found)
        )
    for key in found.reshaped:
        theirs = side.backbone.state_dict()[key]
        reason = reason or (
            f'{key} is {size(state[key])} in the file, {side.name} builds '
            f'{size(theirs)}; set the arguments of model.backbone as in '
            'pretraining'
        )
    if reason:
        raise UserError(reason)
    if len(found.unexpected) > _STRAY * len(state):
        norm = norm_mismatch(state, side)  # one without weights of its own
        if norm:
            return [norm]
        return [
            f'{len(found.unexpected)} of {len(state)} tensors of the file '
            f'have no place in the backbone, the first is '
            f'{found.unexpected[0]}; see that it is of the same network'
        ]
    return []


def _doubts_of_own_loading(
    weights: InitWeights, side: DetectorSide
) -> list[str]:
    wanted = side.backbone.state_dict()
    missing = fit(wanted, weights.state).missing
    if not missing:
        return []
    shapes = Counter(tuple(value.shape) for value in weights.state.values())
    ours = Counter(tuple(value.shape) for value in wanted.values())
    if (shapes & ours).total() < MOST * ours.total():
        refuse_unknown(weights, side)
    return [
        f'{len(missing)} of {len(wanted)} tensors of the '
        f'{type(side.backbone).__name__} are not in the file under their '
        f'names, the first is {missing[0]}; this class may rename them: see '
        'the missing keys in the log'
    ]


def _of_backbone(state: dict, side: DetectorSide) -> dict:
    """Without heads and the like, which are no part of the backbone."""
    parts = {key.split('.')[0] for key in side.backbone.state_dict()}
    return {
        key: value
        for key, value in state.items()
        if key.split('.')[0] in parts
        or _LAST_STAGE.fullmatch(key.split('.')[0])
    }
