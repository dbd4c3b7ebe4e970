"""Differences between what was trained and what a detector would run."""

import torch

from cds_mm.checkpoint.detector import DetectorSide
from cds_mm.checkpoint.family import depth_from_keys, stem_of
from cds_mm.checkpoint.fit import fit
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.errors import UserError

# Grey levels; far below what moves a feature by 1e-5.
_STATISTICS_TOLERANCE = 1e-4
_BOTTLENECK_FROM = 50


def check_fits(
    record: BackboneRecord, state: dict, detector: DetectorSide
) -> None:
    """Compares what has a name: preprocessing, and the network's structure.

    What has no name here shows in the keys or in the features.

    Args:
        record (BackboneRecord): The backbone record.
        state (dict[str, torch.Tensor]): Bare keys of the trained backbone.
        detector (DetectorSide): The other side.

    Raises:
        UserError: The first difference, with the setting that mends it.
    """
    _check_preprocessing(record, detector)
    cfg = record.backbone
    depth = depth_from_keys(state) or cfg.get('depth')
    _check_depth(depth, detector)
    _check_stem(cfg, state, detector)
    _check_shapes(cfg, state, detector)
    # Blocks of two 3x3 convolutions have one place for the stride only.
    if (depth or 0) >= _BOTTLENECK_FROM:
        _check_stride_style(cfg, detector)


def _check_preprocessing(
    record: BackboneRecord, detector: DetectorSide
) -> None:
    order, trained = detector.channel_order, record.known_order
    if order != trained:
        switch = 'bgr_to_rgb'
        wanted = trained != (detector.loader or 'bgr')
        raise UserError(
            f'channel order: the backbone was trained on {trained.upper()}, '
            f'{detector.name} feeds it {order.upper()}; set {switch}={wanted} '
            'in its data_preprocessor'
        )
    mean, std = detector.statistics
    for name, theirs in (('mean', mean), ('std', std)):
        ours = getattr(record, name)
        gap = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
        if not gap <= _STATISTICS_TOLERANCE:
            raise UserError(
                f'{name}: the backbone was trained with {ours}, '
                f'{detector.name} has {theirs}; set {name}={ours} in its '
                'data_preprocessor'
            )


def _check_depth(depth: int | None, detector: DetectorSide) -> None:
    other = getattr(detector.backbone, 'depth', None)
    if depth and other and depth != other:
        raise UserError(
            f'depth: the file holds a ResNet-{depth}, {detector.name} builds '
            f'a ResNet-{other}; set model.backbone.depth={depth} (and the '
            "neck's in_channels) there"
        )


def _check_stride_style(cfg: dict, detector: DetectorSide) -> None:
    style = cfg.get('style', 'pytorch')
    other = getattr(detector.backbone, 'style', style)
    if style != other:
        raise UserError(
            f'stride style: the backbone was trained with {style!r}, '
            f'{detector.name} has {other!r}; set model.backbone.style='
            f'{style!r} there'
        )


def _check_stem(cfg: dict, state: dict, detector: DetectorSide) -> None:
    ours = stem_of(state)
    theirs = stem_of(detector.backbone.state_dict())
    if None not in (ours, theirs) and ours != theirs:
        raise UserError(
            f'stem: the backbone was trained with a {ours}, '
            f'{detector.name} has a {theirs}; set '
            f"model.backbone.type='mmpretrain.{cfg['type']}' there, or "
            'pretrain with its stem'
        )


def _check_shapes(cfg: dict, state: dict, detector: DetectorSide) -> None:
    theirs = detector.backbone.state_dict()
    for key in fit(theirs, state).reshaped:
        wanted = cfg.get('base_channels', 64)
        mend = 'set the widths of model.backbone as in pretraining'
        if getattr(detector.backbone, 'base_channels', wanted) != wanted:
            mend = (
                f"set model.backbone.base_channels={wanted} (and the neck's "
                'in_channels) there'
            )
        raise UserError(
            f'width: {key} is {size(state[key])} in the file, {detector.name} '
            f'builds {size(theirs[key])}; {mend}'
        )


def size(tensor: torch.Tensor) -> str:
    """The shape of a tensor in words."""
    return 'x'.join(map(str, tensor.shape)) or 'a scalar'


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
    scale = ours.abs().max().clamp(min=1e-12)
    return ((ours - theirs).abs().max() / scale).item()
