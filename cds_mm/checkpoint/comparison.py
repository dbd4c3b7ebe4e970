"""Compares features with those that a trained backbone computes."""

import contextlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from cds_mm.checkpoint.detector_side import DetectorSide, NotTriedError
from cds_mm.checkpoint.fingerprints import (
    TOLERANCE,
    by_stage,
    differences,
    fingerprint,
    of_features,
    size_of,
)
from cds_mm.checkpoint.mismatch import relative_difference
from cds_mm.checkpoint.probe_image import probe_sizes, sized_features
from cds_mm.checkpoint.provenance import describe
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.checkpoint.source import build_source, load_strictly
from cds_mm.errors import UserError, first_line

# Of the largest value of a stage; fp32 on one machine gives 0 or 1e-7.
FEATURE_TOLERANCE = 1e-5


class Comparison(NamedTuple):
    """How the features of a detector are compared with the trained ones.

    Attributes:
        sizes: of the probe image, in the order in which they are tried.
        gaps: takes the features by stage, and the size; gives their
            differences, or raises a UserError where one is too large.
        otherwise: another way, for a detector that takes no such size.
    """

    sizes: list[int]
    gaps: Callable[[dict[int, torch.Tensor], int], dict[int, float]]
    otherwise: 'Callable[[], Comparison] | None' = None

    def of(self, side: DetectorSide, loader: str | None) -> dict[int, float]:
        """The differences by stage, at the first size that both take.

        Args:
            side (DetectorSide): With its weights.
            loader (str | None): The order of its loader, where not known.

        Raises:
            UserError: A difference is too large, or no size can be tried.
        """
        refused: NotTriedError | None = None
        for size in self.sizes:
            try:
                features = side.features(loader, size)
            except NotTriedError as error:
                refused = refused or error
                continue
            _check_layout(side, features)
            return self.gaps(features, size)
        assert refused is not None, 'no size was given'
        if self.otherwise is not None:
            with contextlib.suppress(NotTriedError):
                return self.otherwise().of(side, loader)
        raise refused


def _check_layout(side: DetectorSide, features: dict) -> None:
    """Refuses maps that no neck of MMDetection takes."""
    for stage, one in sorted(features.items()):
        rows, columns, channels = one.shape
        if not rows == columns != channels > 1:  # the image is square
            continue
        fix = 'let it give (channels, height, width)'
        if hasattr(side.backbone, 'timm_model'):
            fix = (
                "pretrain with feature_cls='getter' in model.backbone, and "
                'set it there, which gives (channels, height, width)'
            )
        raise UserError(
            f'stage {stage + 1}: the backbone of {side.name} gives maps of '
            f'(height, width, channels), here {rows}x{columns}x{channels}, '
            f'which no neck of MMDetection takes; {fix}'
        )


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

    def of_network() -> Comparison:
        check_unchanged(record, state, name)
        source = build_source(record, path)
        load_strictly(source, state, path, 'the recorded backbone')
        return with_source(source, record, name)

    if not record.fingerprint:
        return of_network()
    expected = by_stage(record.fingerprint, record)

    def numbers(features: dict, size: int) -> dict[int, float]:
        gaps = differences(expected, of_features(features, size))
        _refuse_difference(gaps, TOLERANCE, name)
        return gaps

    return Comparison([size_of(expected, record)], numbers, of_network)


def with_source(
    source: nn.Module, record: BackboneRecord, name: str
) -> Comparison:
    """How features are compared with those of a trained backbone.

    Args:
        source (nn.Module): The trained backbone.
        record (BackboneRecord): Its record.
        name (str): The detector, for messages.

    Raises:
        UserError: It takes no image of any size that is tried.
    """
    sizes = probe_sizes(record)

    def trained(some: list[int]) -> tuple[int, dict[int, torch.Tensor]]:
        try:
            return sized_features(source, record, some)
        except Exception as error:  # code of anyone
            raise UserError(
                f'the trained {describe(record)} cannot compute an image of '
                f'{some[0]} pixels ({first_line(error)[:120]}); correct '
                'model.backbone'
            ) from error

    known, ours = trained(sizes)

    def maps(features: dict, size: int) -> dict[int, float]:
        expected = ours if size == known else trained([size])[1]
        gaps = {
            stage: relative_difference(expected[stage], map_, stage, name)
            for stage, map_ in features.items()
            if stage in expected
        }
        _refuse_difference(gaps, FEATURE_TOLERANCE, name)
        return gaps

    return Comparison(sizes[sizes.index(known) :], maps)


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
    expected = by_stage(record.fingerprint, record)
    gaps = differences(expected, fingerprint(source, record))
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
