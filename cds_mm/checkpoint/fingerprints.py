"""A few numbers by which a backbone is known again without its source."""

import math

import torch
from torch import nn

from cds_mm.checkpoint.extract import check_finite
from cds_mm.checkpoint.probe_image import SIDE, probe_sizes, sized_features
from cds_mm.checkpoint.provenance import describe
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.errors import UserError, first_line

VERSION = 1
_DAMAGED = (
    'the fingerprint in the file is damaged; convert the checkpoint again'
)
# Noise in fp32 (memory layout, fp64 instead, depth 18 to 101): up to 2e-6. The
# mildest real mismatch in the tests, a mean off by one grey level: 8e-3.
TOLERANCE = 2e-4
# Frequencies of the patterns, in radians per channel, row and column.
_PATTERNS = (
    (0.7, 0.3, 1.1),
    (1.9, 0.9, 0.2),
    (2.7, 2.3, 1.7),
    (0.11, 1.3, 2.9),
    (1.31, 0.05, 0.07),
    (3.01, 0.6, 0.5),
)


def fingerprint(backbone: nn.Module, record: BackboneRecord) -> dict:
    """The fingerprint of a backbone together with its preprocessing.

    Args:
        backbone (nn.Module): Of MMPretrain or MMDetection.
        record (BackboneRecord): Its channel order, mean and std count.

    Returns:
        dict: ``version`` and ``stages``, which maps the stage index as a
        string to a list of floats; ``size`` of the probe image, where the
        backbone does not take the usual one.
    """
    size, features = sized_features(backbone, record, probe_sizes(record))
    return of_features(features, size)


def of_features(features: dict[int, torch.Tensor], size: int = SIDE) -> dict:
    """The fingerprint of stage maps.

    Args:
        features (dict[int, torch.Tensor]): Stage index to (C, h, w).
        size (int): Of the probe image.

    Returns:
        dict: As :func:`fingerprint` gives it.
    """
    return {
        'version': VERSION,
        **({} if size == SIDE else {'size': size}),
        'stages': {str(i): _numbers(map_) for i, map_ in features.items()},
    }


def size_of(stored: dict | None, record: BackboneRecord) -> int:
    """The size of the probe image of which a stored fingerprint is.

    Args:
        stored (dict | None): From a file.
        record (BackboneRecord): Of the same file.

    Raises:
        UserError: It is none that is ever used.
    """
    size = stored.get('size', SIDE) if isinstance(stored, dict) else SIDE
    if size not in probe_sizes(record):
        raise UserError(_DAMAGED)
    return size


def by_stage(stored: dict | None, record: BackboneRecord) -> dict | None:
    """A stored fingerprint by the stages of its network.

    Files of timm's networks used to number the maps that came out.

    Args:
        stored (dict | None): From a file.
        record (BackboneRecord): Of the same file.
    """
    kind = str(record.backbone.get('type')).rpartition('.')[2]
    given = record.backbone.get('out_indices')
    if kind != 'TIMMBackbone' or not isinstance(given, list | tuple):
        return stored
    stages = stored.get('stages') if isinstance(stored, dict) else None
    if not (stored and isinstance(stages, dict)):
        return stored
    wanted = [str(index) for index in given]
    places = [str(place) for place in range(len(given))]
    if [*stages] != places or wanted == places:
        return stored
    renamed = dict(zip(wanted, stages.values(), strict=True))
    return {**stored, 'stages': renamed}


def _numbers(feature: torch.Tensor) -> list[float]:
    """Root mean square, mean, and products with six fixed patterns.

    A pattern has unit norm, so that a relative change of the map by e moves
    each product by about e times the root mean square, whatever the size.
    """
    feature = feature.double()
    numbers = [feature.square().mean().sqrt().item(), feature.mean().item()]
    for frequencies in _PATTERNS:
        waves = [
            _unit_wave(size, frequency)
            for size, frequency in zip(feature.shape, frequencies, strict=True)
        ]
        product = torch.einsum('chw,c,h,w->', feature, *waves)
        numbers.append(product.item())
    return numbers


def _unit_wave(size: int, frequency: float) -> torch.Tensor:
    wave = torch.cos(frequency * torch.arange(size, dtype=torch.float64))
    return wave / wave.norm()


def finite_fingerprint(source: nn.Module, record: BackboneRecord, src) -> dict:
    """The fingerprint of a backbone that was filled from a file.

    Args:
        source (nn.Module): The backbone.
        record (BackboneRecord): How its images are normalised.
        src: The file, for messages.

    Raises:
        UserError: Its weights or its features are not finite, or it cannot
            compute an image.
    """
    # Wider numbers of the file may be infinite in float32.
    check_finite(source.state_dict(), src)
    try:
        numbers = fingerprint(source, record)
    # What its layers are told comes from a file, and leads to any error.
    except Exception as error:
        raise UserError(
            f'{src}: {describe(record)} of its record cannot compute an '
            f'image ({first_line(error)[:120]}); name the training config '
            'with --config'
        ) from error
    stages = numbers['stages'].values()
    if all(math.isfinite(n) for stage in stages for n in stage):
        return numbers
    largest, key = max(
        (value.abs().max().item(), key)
        for key, value in source.state_dict().items()
        if value.numel()
    )
    raise UserError(
        f'{src}: its features are not finite; the largest of its weights is '
        f'{largest:.1e} in {key}: the training diverged, or the file is '
        'damaged; take another checkpoint'
    )


def differences(expected: dict | None, found: dict) -> dict[int, float]:
    """How far two fingerprints are apart, stage by stage.

    Args:
        expected (dict | None): The stored fingerprint.
        found (dict): That of the backbone at hand.

    Returns:
        dict[int, float]: Stage index to the largest difference of a number,
        relative to the stage's root mean square; infinite where a number is
        not finite.  Only stages that both have.

    Raises:
        UserError: The stored one is of another version, or not readable, or
            the two share no stage.
    """
    result = {}
    for stage, numbers in _stages(expected).items():
        if stage in found['stages']:
            others = found['stages'][stage]
            result[int(stage)] = _distance(numbers, others)
    if not result:
        raise UserError(
            'the fingerprint in the file has no stage that this backbone '
            'returns; check out_indices'
        )
    return result


def _stages(stored) -> dict[str, list[float]]:
    """Refuses what comes from a file and is no fingerprint of this version."""
    if not isinstance(stored, dict) or stored.get('version') != VERSION:
        raise UserError(
            'the fingerprint in the file is not of version '
            f'{VERSION}; convert the checkpoint again'
        )
    stages = stored.get('stages')
    if not isinstance(stages, dict) or not all(
        str(stage).isdigit()
        and isinstance(numbers, list)
        and len(numbers) == 2 + len(_PATTERNS)
        and all(type(number) in (int, float) for number in numbers)
        for stage, numbers in stages.items()
    ):
        raise UserError(_DAMAGED)
    return stages


def _distance(expected: list[float], found: list[float]) -> float:
    scale = max(abs(expected[0]), 1e-12)
    gaps = [abs(a - b) for a, b in zip(expected, found, strict=True)]
    worst = max(gaps, key=lambda gap: math.inf if math.isnan(gap) else gap)
    return worst / scale if math.isfinite(worst) else math.inf
