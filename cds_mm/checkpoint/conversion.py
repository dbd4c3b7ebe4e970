"""From a training checkpoint to a backbone file that is proven."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from cds_mm.checkpoint import batchnorm, targets, writing
from cds_mm.checkpoint.detector import Detector, side_of
from cds_mm.checkpoint.extract import (
    Extracted,
    check_finite,
    extract_backbone,
)
from cds_mm.checkpoint.family import stem_of
from cds_mm.checkpoint.fingerprints import finite_fingerprint
from cds_mm.checkpoint.host_twin import in_names_of
from cds_mm.checkpoint.init_file import prefixes_of
from cds_mm.checkpoint.probe_image import normalised_image, stage_features
from cds_mm.checkpoint.provenance import choose_record, describe
from cds_mm.checkpoint.published import doubtful_name
from cds_mm.checkpoint.reading import read_checkpoint
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.checkpoint.source import build_source, load_strictly
from cds_mm.checkpoint.verify import Proof, prove_parity
from cds_mm.config.files import ConfigOrName, named_config
from cds_mm.errors import UserError

# The class of this project for the network of the released code.
NO_MAXPOOL = 'ResNetNoMaxPool'


@dataclass
class Options:
    """How to convert; the command line's flags under the same names."""

    detector: Detector | None = None
    config: ConfigOrName | None = None
    trust: bool = False
    ema: bool = True
    prefix: str | None = None
    weights: str | None = None
    channel_order: str | None = None
    accept_missing_maxpool: bool = False
    accept_changed_function: bool = False
    reestimate_bn: ConfigOrName | None = None
    bn_images: int = 1024
    target: str = 'mmdet'
    file_format: str | None = None
    publish: bool = False


@dataclass
class Result:
    """What ``convert`` did: the file, its record, and what was proven."""

    path: Path
    record: BackboneRecord
    weights: str
    kept: int
    dropped: dict[str, int]
    proof: Proof | None
    notes: list[str]
    export: targets.Export


def convert(
    src: str | Path, dst: str | Path, options: Options | None = None
) -> Result:
    """Strips a checkpoint to its backbone, proves the result, writes it.

    Args:
        src (str | Path): A checkpoint of this project, of MMPretrain, of
            the released CDS code, or a torchvision state dict.
        dst (str | Path): The file to write.
        options (Options | None): All else.

    Returns:
        Result: What was written and proven.

    Raises:
        UserError: Anything that keeps the file from being what it should
            be; then no file is written.
    """
    options = options or Options()
    _check_options(src, dst, options)
    found, record, notes, meta = _identified(src, options)
    pool_added = _adds_maxpool(found, record, src, options)
    if pool_added:
        record = with_standard_stem(record)
    source = _filled(found, record, src, options)
    record = _reestimate(source, record, options, notes)
    record = replace(
        record,
        fingerprint=finite_fingerprint(source, record, src),
        weights=found.weights,
        published=options.publish or None,
    )
    if pool_added:
        notes.append(_maxpool_effect(source, record))
    source, record, proof = _proven(source, record, options, notes)
    export = targets.export(source, record, options.target)
    path = targets.write(
        export, record, dst, options.file_format, options.publish, meta
    )
    kept, dropped = len(source.state_dict()), dict(found.dropped)
    return Result(
        path, record, found.weights, kept, dropped, proof, notes, export
    )


def _proven(
    source: nn.Module,
    record: BackboneRecord,
    options: Options,
    notes: list[str],
) -> tuple[nn.Module, BackboneRecord, Proof | None]:
    """The network and its record as the detector has them, and the proof."""
    if options.detector is None:
        return source, record, None
    side = side_of(options.detector)
    twin, twin_record, more = in_names_of(side, source, record)
    accepted = options.accept_changed_function
    proof = prove_parity(twin, twin_record, side, accepted)
    if options.target == 'mmdet':
        notes += more
        return twin, twin_record, proof
    return source, record, proof  # of a library that has names of its own


def _filled(
    found: Extracted, record: BackboneRecord, src, options: Options
) -> nn.Module:
    """The network with the weights of the file."""
    source = build_source(record, src, found.state)
    targets.plan_of(record, options.target)  # said before the work
    places = prefixes_of(source.state_dict(), found.state)
    if places:
        flags = ', or '.join(f'--prefix {place}' for place in places)
        raise UserError(
            f'{src}: the backbone is under the prefix '
            f'{" and ".join(map(repr, places))}; pass {flags}'
        )
    load_strictly(source, found.state, src, describe(record))
    return source


def _identified(
    src, options: Options
) -> tuple[Extracted, BackboneRecord, list[str], object]:
    """The backbone's weights, its record, what was assumed, and the meta."""
    if '://' in str(src):
        raise UserError(
            f'{src}: is a URL, and files are read from this machine only; '
            'download it and name the file'
        )
    checkpoint = read_checkpoint(src, options.trust)
    found = extract_backbone(
        checkpoint, src, options.ema, options.prefix, options.weights
    )
    check_finite(found.state, src)
    record, notes = choose_record(
        checkpoint, found, src, options.config, options.channel_order
    )
    notes += [found.note] if found.note else []
    doubt = doubtful_name(src)
    if doubt:
        notes.append(f'{src}: {doubt}; is it the right file?')
    return found, record, notes, checkpoint.get('meta')


def _check_options(src, dst, options: Options) -> None:
    targets.check_wanted(
        dst, options.target, options.file_format, options.publish
    )
    writing.check_other(src, dst)


def _adds_maxpool(
    found: Extracted, record: BackboneRecord, src, options: Options
) -> bool:
    """Whether a network trained without max-pool gets one, knowingly."""
    # The released ImageNet network defines a max-pool and never calls it.
    released = found.kind == 'cds-release'
    released = released and stem_of(found.state) == '7x7 stem'
    if released and not options.accept_missing_maxpool:
        raise UserError(
            f'{src}: comes from the released CDS code for ImageNet '
            '(auxiliary* keys, 7x7 stem), whose network never calls its '
            'max-pool: with the standard stem it computes another function; '
            'pass --accept-missing-maxpool to convert it knowingly'
        )
    named = record.backbone.get('type') == NO_MAXPOOL
    if options.accept_missing_maxpool and not (released or named):
        raise UserError(
            f'{src}: was trained with a max-pool, as far as can be told; '
            'leave out --accept-missing-maxpool'
        )
    return options.accept_missing_maxpool


def with_standard_stem(record: BackboneRecord) -> BackboneRecord:
    """The record of the same network with the max-pool that it lacks."""
    backbone = {**record.backbone, 'type': 'ResNet'}
    return replace(record, backbone=backbone, trained_without_maxpool=True)


def _maxpool_effect(source: nn.Module, record: BackboneRecord) -> str:
    inputs = normalised_image(record)
    standard = stage_features(source, inputs)
    pool, source.maxpool = source.maxpool, nn.Identity()
    trained = stage_features(source, inputs)
    source.maxpool = pool
    last = max(standard)
    ours, theirs = (
        features[last].mean(dim=(1, 2)) for features in (trained, standard)
    )
    gap = (torch.linalg.norm(ours - theirs) / torch.linalg.norm(ours)).item()
    return (
        'trained without max-pool, converted to the standard stem: it is not '
        'the network as trained, whose pooled features on the probe image '
        f'differ by {gap:.0%}'
    )


def _reestimate(
    source: nn.Module,
    record: BackboneRecord,
    options: Options,
    notes: list[str],
) -> BackboneRecord:
    if options.reestimate_bn is None:
        return record
    cfg, name = named_config(options.reestimate_bn)
    batchnorm.check_input(cfg, name, record)
    batches = batchnorm.first_views(cfg, record, options.bn_images)
    seen = batchnorm.reestimate_batchnorm(source, batches)
    notes.append(
        f'BatchNorm statistics re-estimated on {seen} first views of {name}'
    )
    return replace(record, batchnorm_images=seen)
