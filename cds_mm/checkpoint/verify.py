"""Proves that a detector will compute what was trained: the one judge."""

from pathlib import Path

import torch
from torch import nn

from cds_mm.checkpoint.arrival import Arrival, compare, not_arrived
from cds_mm.checkpoint.comparison import (
    FEATURE_TOLERANCE,
    Comparison,
    check_unchanged,
    comparison,
    with_source,
)
from cds_mm.checkpoint.converted_file import read_fingerprinted
from cds_mm.checkpoint.detector import Detector, side_of
from cds_mm.checkpoint.detector_side import ACCEPT, DetectorSide
from cds_mm.checkpoint.mismatch import check_fits
from cds_mm.checkpoint.own_loading import load_as_a_run
from cds_mm.checkpoint.proof import Proof, rows_of
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.checkpoint.side_notes import doubts_of, notes_of, prefix_note
from cds_mm.checkpoint.structure import function_changes
from cds_mm.errors import UserError

__all__ = ['FEATURE_TOLERANCE', 'check_file', 'judge', 'prove_parity']


def prove_parity(
    source: nn.Module,
    record: BackboneRecord,
    detector: Detector,
    accept_changed_function: bool = False,
) -> Proof:
    """Loads a trained backbone into a detector's and compares each stage.

    Args:
        source (nn.Module): The trained backbone.
        record (BackboneRecord): Its record.
        detector (str | Path | Config | DetectorSide): The detector.
        accept_changed_function (bool): Where the detector computes something
            else on purpose, prove that its weights are the trained ones.

    Returns:
        Proof: All differences are at most 1e-5.

    Raises:
        UserError: All mismatches that have a name, or the first in the
            features, and how to fix them.
    """
    side = side_of(detector)
    proof = judge(
        record,
        source.state_dict(),
        side,
        with_source(source, record, side.name),
        accept_changed_function,
    )
    proof.notes += prefix_note(side)
    return proof


def check_file(
    path: str | Path,
    detector: Detector,
    checkpoint: dict | None = None,
    accept_changed_function: bool = False,
) -> Proof:
    """Checks a converted file against a detector, without its source.

    Args:
        path (str | Path): A file that ``convert`` wrote.
        detector (str | Path | Config | DetectorSide): The detector.
        checkpoint (dict | None): What the file holds, where it is open.
        accept_changed_function (bool): As of :func:`prove_parity`.

    Returns:
        Proof: Differences of the fingerprints' numbers, at most 2e-4.

    Raises:
        UserError: No fingerprint, or as :func:`prove_parity`.
    """
    state, record = read_fingerprinted(path, checkpoint)
    side = side_of(detector)
    how = comparison(record, state, path, side.name)
    proof = judge(record, state, side, how, accept_changed_function)
    proof.notes += prefix_note(side)
    return proof


def judge(
    record: BackboneRecord,
    state: dict[str, torch.Tensor],
    side: DetectorSide,
    how: Comparison,
    accept_changed_function: bool = False,
    running: bool = False,
) -> Proof:
    """Is this what was trained?  All who ask that ask here.

    Args:
        record (BackboneRecord): Of the trained backbone.
        state (dict[str, torch.Tensor]): Its weights under bare keys.
        side (DetectorSide): The detector.
        how (Comparison): Compares its features with the trained ones.
        accept_changed_function (bool): Weights are enough.
        running (bool): The weights should be in it already.

    Returns:
        Proof: Of the features, or where accepted of the weights.

    Raises:
        UserError: It is not, with the causes and how to fix them.
    """
    check_fits(record, state, side)
    found = compare(side, state, record.backbone)
    if not running:
        load_as_a_run(side, found)
    lost = not_arrived(side.backbone, found.kept)
    arrived = _arrived(lost, found) if running else ''
    try:
        assumed = side.loader_for(record.known_order)
        gaps = how.of(side, assumed)
    except UserError as error:
        if lost or not accept_changed_function:
            changes = '' if lost else _changes(record, side)
            raise UserError(f'{error}{changes}{arrived}') from error
        check_unchanged(record, state, side.name)
        gaps = {}
    doubts = doubts_of(record, side, found)
    notes = [*doubts, *notes_of(side, found)]
    notes += [] if gaps else [_weights_only(record, side, found)]
    return Proof(
        side.name,
        rows_of(found.kept, gaps),
        notes,
        doubts,
        of_features=bool(gaps),
        order_known=side.loader is not None,
    )


def _arrived(lost: list[str], found: Arrival) -> str:
    if lost:
        return (
            f'; {len(lost)} of {len(found.kept)} tensors in the model are not '
            f'those of the file, the first is {lost[0]}: was it loaded? '
            'init_cfg takes a converted file without prefix'
        )
    return (
        f'; was it loaded? Yes, all {len(found.kept)} tensors are those of '
        'the file'
    )


def _changes(record: BackboneRecord, side: DetectorSide) -> str:
    changes = function_changes(record, side)
    if not changes:
        return ''
    return f' ({changes}); if that is meant, {ACCEPT} compares the weights'


def _weights_only(record, side: DetectorSide, found: Arrival) -> str:
    changes = function_changes(record, side)
    return (
        'it does not compute what was trained, which is accepted'
        + (f' ({changes})' if changes else '')
        + f'; all {len(found.kept)} tensors are those that were trained'
    )
