"""The record of a backbone, as its training config tells it."""

from mmengine.config import Config
from torch import nn

from cds_mm.checkpoint.channels import loader_order, network_order
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.config import preprocessor_settings
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
        method=name.split('_', 1)[0],
        cds_mm=__version__,
    )


def input_of(cfg, preprocessor=None) -> dict:
    """How the images of a config look to its network.

    Args:
        cfg (Config | dict): A full config.
        preprocessor (nn.Module | None): The built one, if there is one.

    Returns:
        dict: ``channel_order``, ``mean`` and ``std``, as in the record.
    """
    given = preprocessor is not None
    source = preprocessor if given else preprocessor_settings(cfg)
    mean, std = statistics(source)
    order = network_order(loader_order(cfg), source)
    return {'channel_order': order, 'mean': mean, 'std': std}


def statistics(preprocessor) -> tuple[list[float], list[float]]:
    """Mean and std of a preprocessor, on 0 to 255.

    Args:
        preprocessor (dict | nn.Module): A config, or the built module.

    Returns:
        tuple: Three numbers each; 0 and 1 where nothing is normalised.
    """
    if hasattr(preprocessor, 'get'):
        mean, std = preprocessor.get('mean'), preprocessor.get('std')
    else:
        mean = getattr(preprocessor, 'mean', None)
        std = getattr(preprocessor, 'std', None)
    if mean is None or std is None:  # such a preprocessor does not normalise
        return [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]
    return _floats(mean), _floats(std)


def _floats(values) -> list[float]:
    if hasattr(values, 'flatten'):
        values = values.flatten().tolist()
    # A float32 buffer gives 57.119998931884766; the config said 57.12.
    return [float(f'{float(value):.7g}') for value in values]


def plain(value, where: str):
    """A config value as dicts, lists and primitives only.

    Args:
        value: A config dict, list, tuple, class or primitive.
        where (str): Its place, for the message.

    Returns:
        The same as plain values; a class becomes its name.

    Raises:
        UserError: Something that is not a plain value.
    """
    if isinstance(value, dict):
        return {str(k): plain(v, f'{where}.{k}') for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, where) for item in value]
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, _PLAIN):
        return value
    raise UserError(
        f'{where}: a {type(value).__name__} cannot be kept in a checkpoint; '
        'use plain values in the config'
    )
