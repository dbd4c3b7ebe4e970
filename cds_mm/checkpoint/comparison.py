"""Compares features with those that a trained backbone computes."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from cds_mm.checkpoint.fingerprints import (
    TOLERANCE,
    differences,
    fingerprint,
    of_features,
)
from cds_mm.checkpoint.mismatch import relative_difference
from cds_mm.checkpoint.probe_image import normalised_image, stage_features
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.checkpoint.source import build_source, load_strictly
from cds_mm.errors import UserError

# Of the largest value of a stage; fp32 on one machine gives 0 or 1e-7.
FEATURE_TOLERANCE = 1e-5
# Takes features of a detector by stage, gives their differences, and raises
# a UserError where one is too large.
Comparison = Callable[[dict[int, torch.Tensor]], dict[int, float]]


def comparison(
    record: BackboneRecord,
    state: dict[str, torch.Tensor],
    path: str | Path,
    name: str,
) -> Comparison:
    """How features are compared: by the fingerprint, else by the network.

    Args:
        record (BackboneRecord): With or without a fingerprint.
        state (dict[str, torch.Tensor]): Weights under bare keys.
        path (str | Path): The file, for messages.
        name (str): The detector, for messages.

    Raises:
        UserError: There is no fingerprint, and the recorded backbone cannot
            be built or the weights do not fill it.
    """
    if record.fingerprint:

        def numbers(features: dict[int, torch.Tensor]) -> dict[int, float]:
            gaps = differences(record.fingerprint, of_features(features))
            _refuse_difference(gaps, TOLERANCE, name)
            return gaps

        return numbers
    source = build_source(record, path)
    load_strictly(source, state, path, 'the recorded backbone')
    return with_source(source, record, name)


def with_source(
    source: nn.Module, record: BackboneRecord, name: str
) -> Comparison:
    """How features are compared with those of a trained backbone.

    Args:
        source (nn.Module): The trained backbone.
        record (BackboneRecord): Its record.
        name (str): The detector, for messages.
    """

    def maps(features: dict[int, torch.Tensor]) -> dict[int, float]:
        ours = stage_features(source, normalised_image(record))
        gaps = {
            stage: relative_difference(ours[stage], map_, stage, name)
            for stage, map_ in features.items()
            if stage in ours
        }
        _refuse_difference(gaps, FEATURE_TOLERANCE, name)
        return gaps

    return maps


def check_unchanged(
    record: BackboneRecord, state: dict[str, torch.Tensor], name: str
) -> None:
    """Sees that weights are those of which the fingerprint was made.

    Args:
        record (BackboneRecord): With a fingerprint, or there is nothing to
            compare.
        state (dict[str, torch.Tensor]): The weights.
        name (str): For messages.

    Raises:
        UserError: They are others.
    """
    if not record.fingerprint:
        return
    source = build_source(record, name)
    load_strictly(source, state, name, 'the recorded backbone')
    gaps = differences(record.fingerprint, fingerprint(source, record))
    if not max(gaps.values()) <= TOLERANCE:
        raise UserError(
            f'{name}: the weights are not those of which the fingerprint in '
            'the file was made; convert the checkpoint again'
        )


def _refuse_difference(gaps: dict, tolerance: float, name: str) -> None:
    if not gaps:
        raise UserError(f'{name}: no stage could be compared; set out_indices')
    for stage, gap in sorted(gaps.items()):
        if not gap <= tolerance:
            size = f'{gap:.1e}' if math.isfinite(gap) else 'not finite'
            raise UserError(
                f'stage {stage + 1}: {name} does not compute what was '
                f'trained (difference {size}, allowed {tolerance:.0e}); '
                'compare its model.backbone with the one in pretraining'
            )
