"""The record of a backbone, as its training config tells it."""

from mmengine.config import Config
from torch import nn

from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.config.leaf_names import leaf_files
from cds_mm.config.network_input import input_of
from cds_mm.errors import UserError
from cds_mm.version import __version__

_PLAIN = (str, int, float, bool, type(None))


def record_from_config(
    cfg: Config, preprocessor: nn.Module | None = None
) -> BackboneRecord:
    """The record of the backbone that a training config trains.

    Args:
        cfg (Config): A full config of MMPretrain or of this project.
        preprocessor (nn.Module | None): The built data preprocessor, if
            there is one; it knows better than the config.

    Returns:
        BackboneRecord: With ``config``, ``method`` and ``cds_mm``.

    Raises:
        UserError: The config has no ``model.backbone``.
    """
    model = cfg.get('model') or {}
    if not model.get('backbone'):
        raise UserError(
            'the config has no model.backbone; name the config that trained '
            'the checkpoint'
        )
    name = str(getattr(cfg, 'filename', None) or '').rsplit('/', 1)[-1]
    name = name.removesuffix('.py')
    return BackboneRecord(
        backbone=plain(model['backbone'], 'model.backbone'),
        **input_of(cfg, preprocessor),
        config=name,
        method=_method(name, model),
        cds_mm=__version__,
    )


def _method(name: str, model: dict) -> str:
    """As configs are called, else the losses; a name of one's own lies."""
    first = name.split('_', 1)[0]
    if first in {leaf.split('_', 1)[0] for leaf in leaf_files()}:
        return first
    return ' + '.join(sorted(model.get('supervisions') or ())) or 'unknown'


def plain(value, where: str):
    """A config value as dicts, lists and primitives only.

    Args:
        value: A config dict, list, tuple, class or primitive.
        where (str): Its place, for the message.

    Returns:
        The same as plain values; a class becomes its name, with the scope of
        MMDetection where it is a class of it.

    Raises:
        UserError: Something that is not a plain value.
    """
    if isinstance(value, dict):
        return {str(k): plain(v, f'{where}.{k}') for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, where) for item in value]
    if isinstance(value, type):
        scope = 'mmdet.' if value.__module__.startswith('mmdet.') else ''
        return f'{scope}{value.__name__}'
    if isinstance(value, _PLAIN):
        return value
    raise UserError(
        f'{where}: a {type(value).__name__} cannot be kept in a checkpoint; '
        'use plain values in the config'
    )
