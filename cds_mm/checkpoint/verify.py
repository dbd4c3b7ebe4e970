"""Proves that a detector will compute what was trained."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from cds_mm.checkpoint.detector import Detector, DetectorSide, side_of
from cds_mm.checkpoint.fingerprints import TOLERANCE, differences, of_features
from cds_mm.checkpoint.mismatch import check_fits, relative_difference
from cds_mm.checkpoint.probe_image import normalised_image, stage_features
from cds_mm.checkpoint.reading import read_checkpoint
from cds_mm.checkpoint.record import BackboneRecord, recorded
from cds_mm.checkpoint.source import load_strictly
from cds_mm.errors import UserError

# Of the largest value of a stage; fp32 on one machine gives 0 or 1e-7.
FEATURE_TOLERANCE = 1e-5


@dataclass
class Proof:
    """What was compared: rows of (part, tensors, parameters, difference).

    The difference is none where nothing was compared: the stem, whose
    effect shows in stage 1, and stages that the detector does not give out.
    """

    detector: str
    rows: list[tuple[str, int, int, float | None]]
    notes: list[str] = field(default_factory=list)

    def table(self) -> str:
        """The rows as text, one line each."""
        lines = [
            f'{"part":<8}{"tensors":>9}{"parameters":>13}{"difference":>13}'
        ]
        for part, tensors, parameters, gap in self.rows:
            shown = _shown(part) if gap is None else f'{gap:.1e}'
            lines.append(f'{part:<8}{tensors:>9}{parameters:>13,}{shown:>13}')
        return '\n'.join(lines + [f'note: {note}' for note in self.notes])


def _shown(part: str) -> str:
    return 'see layer1' if part == 'stem' else 'no output'


def prove_parity(
    source: nn.Module, record: BackboneRecord, detector: Detector
) -> Proof:
    """Loads a trained backbone into a detector's and compares each stage.

    Args:
        source (nn.Module): The trained backbone.
        record (BackboneRecord): Its record.
        detector (str | Path | Config | DetectorSide): The detector.

    Returns:
        Proof: All differences are at most 1e-5.

    Raises:
        UserError: The first mismatch and how to mend it.
    """
    side = side_of(detector)
    state = source.state_dict()
    check_fits(record, state, side)
    loaded, notes = _load(side, state, 'the trained backbone')
    ours = stage_features(source, normalised_image(record))
    theirs = stage_features(side.backbone, side.inputs())
    gaps = {
        stage: relative_difference(ours[stage], map_, stage, side.name)
        for stage, map_ in theirs.items()
        if stage in ours
    }
    _refuse_difference(gaps, FEATURE_TOLERANCE, side.name)
    return Proof(side.name, _rows(loaded, gaps), notes + _side_notes(side))


def check_file(
    path: str | Path, detector: Detector, checkpoint: dict | None = None
) -> Proof:
    """Checks a converted file against a detector, without its source.

    Args:
        path (str | Path): A file that ``convert`` wrote.
        detector (str | Path | Config | DetectorSide): The detector.
        checkpoint (dict | None): What the file holds, where it is open.

    Returns:
        Proof: Differences of the fingerprints' numbers, at most 2e-4.

    Raises:
        UserError: No fingerprint, or the first mismatch.
    """
    state, record = read_fingerprinted(path, checkpoint)
    side = side_of(detector)
    check_fits(record, state, side)
    loaded, notes = _load(side, state, str(path))
    gaps = compare_fingerprint(record, side)
    return Proof(side.name, _rows(loaded, gaps), notes + _side_notes(side))


def read_fingerprinted(
    path: str | Path, checkpoint: dict | None = None
) -> tuple[dict, BackboneRecord]:
    """The weights and the record of a converted file.

    Args:
        path (str | Path): The file.
        checkpoint (dict | None): What it holds, where it is open.

    Returns:
        tuple[dict, BackboneRecord]: Bare state dict, and the record with
        its fingerprint.

    Raises:
        UserError: It cannot be read, or carries no fingerprint.
    """
    if checkpoint is None:
        checkpoint = read_checkpoint(path)
    record = recorded(checkpoint, path)
    state = checkpoint.get('state_dict')
    if not (record and record.fingerprint and isinstance(state, dict)):
        raise UserError(
            f'{path}: carries no fingerprint; convert the training '
            'checkpoint with tools/convert_backbone.py first'
        )
    # As it stands: what lies under a prefix would not be loaded either.
    return state, record


def carries_fingerprint(
    path: str | Path, read: Callable[[], dict] | None = None
) -> bool:
    """Whether a file has what ``check_file`` needs; never raises.

    Args:
        path (str | Path): Any path or URL; only local files can have it.
        read (callable | None): Gives what the file holds, where somebody has
            it open already.
    """
    try:
        if not Path(path).is_file():
            return False
        checkpoint = read() if read else read_checkpoint(path)
        record = recorded(checkpoint, path)
    except (UserError, OSError, ValueError, TypeError):
        return False
    return bool(record and record.fingerprint)


def compare_fingerprint(
    record: BackboneRecord, side: DetectorSide
) -> dict[int, float]:
    """Compares the recorded fingerprint with that of a built backbone.

    Args:
        record (BackboneRecord): With ``fingerprint``.
        side (DetectorSide): With the weights that are to be judged.

    Returns:
        dict[int, float]: Difference by stage, each at most 2e-4.

    Raises:
        UserError: A larger difference.
    """
    features = stage_features(side.backbone, side.inputs())
    gaps = differences(record.fingerprint, of_features(features))
    _refuse_difference(gaps, TOLERANCE, side.name)
    return gaps


def _load(side: DetectorSide, state: dict, path) -> tuple[dict, list[str]]:
    """Loads strictly, but for whole last stages that are not built."""
    built = {name.split('.')[0] for name in side.backbone.state_dict()}
    absent = {
        part
        for part in {key.split('.')[0] for key in state} - built
        if re.fullmatch(r'layer[2-9]', part)
    }
    kept = {k: v for k, v in state.items() if k.split('.')[0] not in absent}
    load_strictly(side.backbone, kept, path, f'the backbone of {side.name}')
    notes = [
        f'{part} is not loaded: this backbone ends before it'
        for part in sorted(absent)
    ]
    return kept, notes


def _side_notes(side: DetectorSide) -> list[str]:
    notes = []
    if side.loader is None:
        notes.append("the detector's image loader is unknown: BGR is assumed")
    if side.prefix:
        notes.append(
            f'its init_cfg has prefix={side.prefix!r}, the file has bare '
            'keys: set prefix=None there'
        )
    return notes


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


def _rows(state: dict[str, torch.Tensor], gaps: dict[int, float]) -> list:
    parts: dict[str, list] = {}
    for key, value in state.items():
        part = key.split('.')[0]
        if not part.startswith('layer'):
            # Of a pre-activation network, behind its last stage.
            part = 'final' if part == 'final_norm' else 'stem'
        parts.setdefault(part, []).append((key, value))
    rows = []
    for part, members in parts.items():
        # Running statistics are tensors to load, but nothing is learned.
        learned = sum(
            value.numel()
            for key, value in members
            if not key.endswith(('_mean', '_var', '_tracked'))
        )
        place = part[5:]
        gap = gaps.get(int(place) - 1) if place.isdigit() else None
        rows.append((part, len(members), learned, gap))
    return rows
