"""The same network in the class that another library has for it.

MMPretrain and MMDetection have classes of one name (MobileNetV2, Res2Net,
ResNeSt, ResNetV1d, EfficientNet) that compute the same and name their layers
otherwise, or leave out layers behind the last output.
"""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from cds_mm.checkpoint.arrival import ADDERS, compare
from cds_mm.checkpoint.backbone_types import (
    MMPRETRAIN,
    BackboneType,
    backbone_type,
    full_name,
)
from cds_mm.checkpoint.comparison import with_source
from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.checkpoint.fingerprints import fingerprint
from cds_mm.checkpoint.probe_image import probe_sizes, sized_features
from cds_mm.checkpoint.random_backbone import random_backbone
from cds_mm.checkpoint.record import BackboneRecord, function_of
from cds_mm.checkpoint.source import build_source
from cds_mm.checkpoint.training_config import plain
from cds_mm.errors import UserError, first_line


def in_names_of(
    side: DetectorSide, source: nn.Module, record: BackboneRecord
) -> tuple[nn.Module, BackboneRecord, list[str]]:
    """A trained backbone under the names of a detector's class.

    Args:
        side (DetectorSide): The detector.
        source (nn.Module): The trained backbone.
        record (BackboneRecord): Its record.

    Returns:
        tuple[nn.Module, BackboneRecord, list[str]]: Both as they were and no
        note, unless the detector has another class of that name whose layers
        have other names.  Then the network of that class with the same
        weights; its record, which names that class; and a note.  The two
        have been compared, with these weights and with random ones.

    Raises:
        UserError: The class computes something else.
    """
    unchanged = source, record, list[str]()
    other = _other_class(side, record)
    if other is None:
        return unchanged
    if compare(side, source.state_dict(), record.backbone).whole:
        return unchanged
    name = f'{other.scope}.{other.name}'
    differs: UserError | None = None
    for arguments in (function_of(record.backbone), _arguments_of(side)):
        changed = replace(
            record,
            backbone={**arguments, 'type': name},
            trained_as=_trained_as(record),
        )
        try:
            twin = _twin_of(source, changed, record, side.name)
            _twin_of(random_backbone(record, '-'), changed, record, side.name)
        except _NoCorrespondenceError:
            continue
        except UserError as error:
            differs = differs or error
            continue
        if record.fingerprint:
            known = fingerprint(twin, changed)
            changed = replace(changed, fingerprint=known)
        return twin, changed, [_note(name, record, side)]
    if differs:
        raise _another_function(name, record, side, differs)
    return unchanged


class _NoCorrespondenceError(UserError):
    """Two classes do not have the same layers."""


def _another_function(
    name: str, record: BackboneRecord, side: DetectorSide, cause: UserError
) -> UserError:
    ours = full_name(record.backbone['type'])
    where = str(cause).partition(';')[0]
    return UserError(
        f'backbone: {side.name} builds {name}, which names its layers '
        f'otherwise than the {ours} that was trained and computes something '
        f'else with the same weights ({where}); set '
        f"model.backbone.type='{ours}' there, with the out_indices that the "
        'neck needs'
    )


def _note(name: str, record: BackboneRecord, side: DetectorSide) -> str:
    return (
        f'written under the names of {name}, which {side.name} builds and '
        f'which computes the same as the {_trained_as(record)} that was '
        'trained'
    )


def _trained_as(record: BackboneRecord) -> str:
    """The type in training, also of a file that was converted before."""
    return record.trained_as or record.backbone['type']


def _other_class(
    side: DetectorSide, record: BackboneRecord
) -> BackboneType | None:
    """The detector's class, if it is another one of the same name."""
    ours = backbone_type(function_of(record.backbone)['type'])
    kind = type(side.backbone)
    if ours is None or ours.kind is kind or ours.name != kind.__name__:
        return None
    scope = kind.__module__.partition('.')[0]
    theirs = backbone_type(f'{scope or MMPRETRAIN}.{kind.__name__}')
    return theirs if theirs and theirs.kind is kind else None


def _arguments_of(side: DetectorSide) -> dict:
    arguments = {k: v for k, v in side.config.items() if k not in ADDERS}
    return plain(arguments, 'model.backbone')


def _twin_of(
    source: nn.Module,
    changed: BackboneRecord,
    record: BackboneRecord,
    detector: str,
) -> nn.Module:
    """The other class with the same weights, seen to give the same maps.

    Raises:
        _NoCorrespondenceError: It cannot be built, or has other layers.
        UserError: It computes something else.
    """
    state = source.state_dict()
    try:
        twin = build_source(changed, detector, state)
    except UserError as error:
        raise _NoCorrespondenceError(str(error)) from error
    names = _pairs(state, twin.state_dict())
    twin.load_state_dict({new: state[old] for new, old in names.items()})
    kind = changed.backbone['type']
    try:
        size, features = sized_features(twin, record, probe_sizes(record))
    except Exception as error:  # code of anyone
        raise UserError(
            f'{kind}: it takes no probe image ({first_line(error)[:120]})'
        ) from error
    with_source(source, record, kind).gaps(features, size)
    return twin


def _pairs(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, str]:
    """Key of one network to that of another: by name, else by place.

    Raises:
        _NoCorrespondenceError: The tensors of the two do not correspond.
    """
    shapes = {key: value.shape for key, value in state.items()}
    if all(shapes.get(key) == one.shape for key, one in wanted.items()):
        return {key: key for key in wanted}
    if [*shapes.values()] != [one.shape for one in wanted.values()]:
        raise _NoCorrespondenceError('the layers do not correspond')
    return dict(zip(wanted, state, strict=True))
