"""Differences between what was trained and what a detector would run."""

import torch

from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.checkpoint.structure import add_structure
from cds_mm.errors import UserError

# Grey levels; far below what moves a feature by 1e-5.
_STATISTICS_TOLERANCE = 1e-4


def check_fits(
    record: BackboneRecord, state: dict, detector: DetectorSide
) -> None:
    """Compares what has a name: the network's structure, and preprocessing.

    What has no name here shows in the features.

    Args:
        record (BackboneRecord): The backbone record.
        state (dict[str, torch.Tensor]): Bare keys of the trained backbone.
        detector (DetectorSide): The other side.

    Raises:
        UserError: All differences, those of the network first, each with the
            setting that fixes it.
    """
    reasons: list[str] = []
    add_structure(record, state, detector, reasons)
    _check_preprocessing(record, detector, reasons)
    if reasons:
        raise UserError('; also '.join(reasons))


def check_input(record: BackboneRecord, detector: DetectorSide) -> None:
    """Compares the preprocessing only.

    Args:
        record (BackboneRecord): The backbone record.
        detector (DetectorSide): The other side.

    Raises:
        UserError: All differences, each with the setting that fixes it.
    """
    reasons: list[str] = []
    _check_preprocessing(record, detector, reasons)
    if reasons:
        raise UserError('; also '.join(reasons))


def _check_preprocessing(
    record: BackboneRecord, detector: DetectorSide, reasons: list[str]
) -> None:
    order, trained = detector.channel_order, record.known_order
    if order not in (trained, None):
        # The class for ReID calls it as MMPretrain does.
        named = hasattr(detector.preprocessor, 'to_rgb')
        switch = 'to_rgb' if named else 'bgr_to_rgb'
        wanted = trained != detector.loader
        reasons.append(
            f'channel order: the backbone was trained on {trained.upper()}, '
            f'{detector.name} feeds it {order.upper()}; set {switch}={wanted} '
            'in its data_preprocessor'
        )
    mean, std = detector.statistics
    for name, theirs in (('mean', mean), ('std', std)):
        ours = getattr(record, name)
        gap = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
        if not gap <= _STATISTICS_TOLERANCE:
            reasons.append(
                f'{name}: the backbone was trained with {ours}, '
                f'{detector.name} has {theirs}; set {name}={ours} in its '
                'data_preprocessor'
            )


def relative_difference(
    ours: torch.Tensor, theirs: torch.Tensor, stage: int, name: str
) -> float:
    """The largest difference of two maps, relative to the largest value.

    Args:
        ours (torch.Tensor): (C, h, w), what the trained backbone computes.
        theirs (torch.Tensor): (C, h, w), what the detector's computes.
        stage (int): From 0, for the message.
        name (str): The detector's config, for the message.

    Returns:
        float: 0 where they are equal.

    Raises:
        UserError: The maps have other sizes.
    """
    if ours.shape != theirs.shape:
        sizes = [f'{m.shape[-2]}x{m.shape[-1]}' for m in (ours, theirs)]
        cause = 'its stem (stride or max-pool)' if stage == 0 else 'a stride'
        raise UserError(
            f'stage {stage + 1}: the trained backbone makes a map of '
            f'{sizes[0]}, that of {name} one of {sizes[1]}, so {cause} is '
            'another; set model.backbone.type and its strides as in '
            'pretraining (for a network without max-pool, '
            '--accept-missing-maxpool adds one)'
        )
    return relative(ours, theirs)


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest difference of two maps, of the largest value of the first.

    Args:
        ours (torch.Tensor): Of any shape.
        theirs (torch.Tensor): Infinitely different, where of another shape.
    """
    if ours.shape != theirs.shape:
        return float('inf')
    scale = ours.abs().max().clamp(min=1e-12)
    return ((ours - theirs).abs().max() / scale).item()
