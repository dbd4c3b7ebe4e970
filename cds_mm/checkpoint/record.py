"""What a converter must know about a backbone.

The record travels as plain values in ``checkpoint['meta']['cds_mm']``.  It
replaces ``meta['cfg']``, which is Python source and is never evaluated here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cds_mm.checkpoint.safe import finite_number
from cds_mm.errors import UserError

RECORD_KEY = 'cds_mm'
FORMAT = 1
_REQUIRED = ('format', 'backbone', 'channel_order', 'mean', 'std')
# Matters to training only, or reads files.
_TRAINING_ONLY = (
    'frozen_stages norm_eval with_cp init_cfg pretrained _scope_ '
    'zero_init_residual'
).split()


@dataclass(frozen=True, kw_only=True)
class BackboneRecord:
    """How a backbone was built and what it was trained on.

    Each attribute has the name of its key in a file.  A step of a conversion
    makes a new record with :func:`dataclasses.replace`.  An optional
    attribute that is None is not written, unless the file that the record
    was read from had its key.

    Attributes:
        backbone: type and arguments of the network, as the training had
            them, also those that matter to training only.  ``out_indices``
            is one of them that does not: some networks (ConvNeXt) have
            other parameters for other outputs.
        channel_order: that the network sees, 'rgb' or 'bgr'; None if the
            training could not tell.
        mean: three numbers on 0 to 255, in the network's channel order.
        std: three numbers on 0 to 255, in the network's channel order.
        config: name of the training config, without folder and suffix.
        method: name of the training method.
        cds_mm: version of this package that trained the backbone.
        trained_without_maxpool: True where the conversion added a max-pool.
        trained_as: type of the network in training, where the conversion
            wrote it as the class of another library that computes the same.
        batchnorm_images: number of images on which the conversion
            re-estimated the BatchNorm statistics.
        fingerprint: as :func:`cds_mm.checkpoint.fingerprint` gives it.
        weights: which weights of the checkpoint the conversion took.
        published: True where the file's hash is in its name.
        extra: keys that this version does not know, with their values.
        keys: those that are always written, in this order; the others that
            have a value follow in the order of the attributes.
    """

    backbone: dict
    channel_order: str | None
    mean: list[float]
    std: list[float]
    config: str | None = None
    method: str | None = None
    cds_mm: str | None = None
    trained_without_maxpool: bool | None = None
    trained_as: str | None = None
    batchnorm_images: int | None = None
    fingerprint: dict | None = None
    weights: str | None = None
    published: bool | None = None
    extra: dict = field(default_factory=dict)
    keys: tuple = field(default=_REQUIRED, repr=False, compare=False)

    @property
    def known_order(self) -> str:
        """``channel_order``, which must be known.

        Raises:
            UserError: it is None.
        """
        if self.channel_order is None:
            raise UserError(
                'the channel order of the network is not known; convert the '
                'training checkpoint with --channel-order rgb or bgr'
            )
        return self.channel_order

    @classmethod
    def from_dict(cls, values: object, path: str | Path) -> 'BackboneRecord':
        """Read a record from the plain values in a file.

        Args:
            values (dict): as :meth:`to_dict` gives them; anything else is
                refused.
            path (str | Path): the file, for messages.

        Raises:
            UserError: a record of another format, or a damaged one.
        """
        if not isinstance(values, dict) or values.get('format') != FORMAT:
            raise UserError(
                f'{path}: its record is not of format {FORMAT}; use the '
                'version of cds_mm that wrote it'
            )
        healthy = (
            isinstance(values.get('backbone'), dict)
            and values.get('channel_order') in ('rgb', 'bgr', None)
            and _three_numbers(values.get('mean'))
            and _three_numbers(values.get('std'))
            and min(values['std']) > 0
        )
        if not healthy:
            raise UserError(
                f'{path}: its record is damaged (backbone, channel order, '
                'or three finite numbers of mean and std above 0); name the '
                'training config with --config'
            )
        known: dict[str, Any] = {k: values.get(k) for k in _attribute_keys()}
        named = {'format', *known}
        extra = {k: v for k, v in values.items() if k not in named}
        return cls(**known, extra=extra, keys=tuple(values))

    def to_dict(self) -> dict:
        """The record as the plain values that a file holds.

        Returns:
            dict: a new one with ``format`` and the keys of this record. Its
            values are those of the record and not copies.
        """
        known = {key: getattr(self, key) for key in _attribute_keys()}
        values = {'format': FORMAT, **known, **self.extra}
        written = {key: values[key] for key in self.keys if key in values}
        given = {
            key: value for key, value in known.items() if value is not None
        }
        return written | given | self.extra


def _attribute_keys() -> list[str]:
    names = [one.name for one in fields(BackboneRecord)]
    return [name for name in names if name not in ('extra', 'keys')]


def function_of(backbone: dict) -> dict:
    """The part of a backbone's config that decides what it is.

    Args:
        backbone (dict): ``type`` and arguments.

    Returns:
        dict: All that parameters and outputs depend on: without what matters
        to training only.  The type has a scope where it is not MMPretrain's.
    """
    kept = {k: v for k, v in backbone.items() if k not in _TRAINING_ONLY}
    kind, scope = str(kept.get('type')), backbone.get('_scope_')
    if scope and '.' not in kind:
        kind = f'{scope}.{kind}'
    kept['type'] = kind.removeprefix('mmpretrain.')
    return kept


def as_lists(value: Any) -> Any:
    """A value of a config with lists for tuples, as a file has them."""
    if isinstance(value, Mapping):
        return {key: as_lists(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_lists(one) for one in value]
    return value


def recorded(checkpoint: dict, path) -> BackboneRecord | None:
    """The record in a checkpoint, checked; none if there is none.

    Args:
        checkpoint (dict): What ``read_checkpoint`` gave.
        path: The file, for messages.

    Raises:
        UserError: A record of another format, or a damaged one.
    """
    meta = checkpoint.get('meta')
    values = meta.get(RECORD_KEY) if isinstance(meta, dict) else None
    if values is None:
        return None
    return BackboneRecord.from_dict(values, path)


def _three_numbers(values) -> bool:
    return (
        isinstance(values, list)
        and len(values) == 3
        and all(finite_number(value) for value in values)
    )
