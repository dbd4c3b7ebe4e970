"""What a reader of a proof has to know besides."""

from cds_mm.checkpoint.arrival import Arrival
from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.checkpoint.record import BackboneRecord


def notes_of(side: DetectorSide, found: Arrival) -> list[str]:
    """What is new in the detector, and what is left over of the file.

    Args:
        side (DetectorSide): The detector.
        found (Arrival): How the file goes with it.
    """
    notes = []
    if found.new:
        notes.append(
            f'{len(found.new)} tensors are new in this detector and start as '
            f'its layers do, the first is {found.new[0]}'
        )
    if found.unused:
        notes.append(
            f'{len(found.unused)} tensors are of outputs that this detector '
            f'does not take, the first is {found.unused[0]}; they are not '
            'loaded'
        )
    if not side.shared_head:
        notes += [
            f'{part} is not loaded: this backbone ends before it'
            for part in found.absent
        ]
    return notes


def doubts_of(
    record: BackboneRecord, side: DetectorSide, found: Arrival
) -> list[str]:
    """What the proof does not cover and a training should be warned of.

    Args:
        record (BackboneRecord): Of the trained backbone.
        side (DetectorSide): The detector.
        found (Arrival): How the file goes with it.
    """
    doubts = []
    if side.loader is None:
        assumed = side.loader_for(record.known_order).upper()
        doubts.append(
            "the channel order is not proven: the detector's image loader is "
            f'unknown, {assumed} is assumed; see that it gives {assumed}, or '
            'load with LoadImageFromFile'
        )
    if side.shared_head and found.absent:
        start = side.shared_head.get('init_cfg') or {}
        source = start.get('checkpoint') or 'random weights'
        doubts.append(
            f'{", ".join(found.absent)} of the file is not loaded: '
            f'roi_head.shared_head takes its place and starts from {source}; '
            'set model.roi_head.shared_head.init_cfg as that of '
            'model.backbone, and its style'
        )
    return doubts


def prefix_note(side: DetectorSide) -> list[str]:
    """A note where a config's ``init_cfg`` would find no bare key."""
    if not side.prefix:
        return []
    return [
        f'its init_cfg has prefix={side.prefix!r}, the file has bare keys: '
        'set prefix=None there'
    ]
