"""Where the record of a checkpoint comes from."""

from dataclasses import replace

from cds_mm.checkpoint.extract import Extracted
from cds_mm.checkpoint.family import (
    CIFAR,
    IMAGENET_MEAN,
    IMAGENET_STD,
    backbone_from_shapes,
)
from cds_mm.checkpoint.record import BackboneRecord, function_of, recorded
from cds_mm.checkpoint.training_config import record_from_config
from cds_mm.config import named_config
from cds_mm.errors import UserError


def choose_record(
    checkpoint: dict, found: Extracted, src, config, channel_order
) -> tuple[BackboneRecord, list[str]]:
    """The record from the file, the named config, or the shapes.

    Args:
        checkpoint (dict): What ``read_checkpoint`` gave.
        found (Extracted): The backbone's weights.
        src: The file, for messages.
        config (str | Path | Config | None): The training config.
        channel_order (str | None): What the network saw, where neither file
            nor config can tell.

    Returns:
        tuple[BackboneRecord, list[str]]: The record, and what was assumed.

    Raises:
        UserError: Nothing tells, or two sources disagree.
    """
    notes: list[str] = []
    record = recorded(checkpoint, src)
    if config is not None:
        cfg, name = named_config(config)
        named = record_from_config(cfg)
        if record is not None:
            _check_agreement(record, named, name, src)
        else:
            record = named
    elif record is None:
        record = _record_from_shapes(found, src)
        notes.append(
            f'{describe(record)} recognised by its shapes; RGB and '
            "torchvision's mean and std are assumed"
        )
    if record.channel_order is None:
        record = replace(record, channel_order=channel_order)
    elif channel_order not in (None, record.channel_order):
        raise UserError(
            f'--channel-order {channel_order}: the record says '
            f'{record.channel_order}; leave the flag out'
        )
    if record.channel_order is None:
        raise UserError(
            f'{src}: the image loader in training is unknown, so the channel '
            'order is; pass --channel-order rgb or bgr (what the network saw)'
        )
    return record, notes


def _record_from_shapes(found: Extracted, src) -> BackboneRecord:
    if found.kind == 'mmpretrain':
        raise UserError(
            f'{src}: holds no record of its backbone and preprocessor; name '
            'the config that trained it with --config'
        )
    cfg = backbone_from_shapes(found.state, src)
    if cfg['type'].endswith(CIFAR):
        raise UserError(
            f'{src}: has a CIFAR stem, whose mean and std are not known; '
            'name a training config with --config'
        )
    if found.kind == 'bare':
        _refuse_bare(cfg, src)
    return BackboneRecord(
        backbone=cfg,
        channel_order='rgb',
        mean=list(IMAGENET_MEAN),
        std=list(IMAGENET_STD),
        method='cds' if found.kind == 'cds-release' else 'unknown',
    )


def _refuse_bare(cfg: dict, src) -> None:
    # Without a head nothing tells torchvision's weights from those of Caffe,
    # which want BGR, other statistics and another place of the stride.
    advice = 'name the config that trained it with --config'
    if set(cfg) == {'type', 'depth', 'style'} and cfg['type'] == 'ResNet':
        stock = f'mmpretrain::resnet/resnet{cfg["depth"]}_8xb32_in1k.py'
        advice += f", or {stock} if it has torchvision's RGB, mean and std"
    raise UserError(
        f'{src}: holds a backbone alone, so its channel order, mean, std and '
        f'stride are not known (weights from Caffe look the same); {advice}'
    )


def _check_agreement(
    record: BackboneRecord, named: BackboneRecord, name: str, src
) -> None:
    for key in ('backbone', 'channel_order', 'mean', 'std'):
        ours, theirs = getattr(record, key), getattr(named, key)
        if key == 'backbone':
            ours, theirs = map(_regardless_of_outputs, (ours, theirs))
        if ours != theirs:
            raise UserError(
                f'{src}: its record says {key}={ours}, {name} says {theirs}; '
                'leave --config out'
            )


def _regardless_of_outputs(backbone: dict) -> dict:
    # Which of its stages come out is the training's own affair; where that
    # decides on parameters, the file's weights fit its record alone.
    function = function_of(backbone)
    function.pop('out_indices', None)
    return function


def describe(record: BackboneRecord) -> str:
    """The backbone in words, such as 'ResNet of depth 18'."""
    cfg = record.backbone
    depth = f' of depth {cfg["depth"]}' if 'depth' in cfg else ''
    return f'{cfg.get("type")}{depth}'
