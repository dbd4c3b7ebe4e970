"""What a converter must know about a backbone, as plain values.

The record travels in ``checkpoint['meta']['cds_mm']``.  It replaces
``meta['cfg']``, which is Python source and is never evaluated here.
"""

from cds_mm.checkpoint.channels import loader_order, network_order
from cds_mm.errors import UserError
from cds_mm.version import __version__

RECORD_KEY = 'cds_mm'
FORMAT = 1
# Matters to training only, or reads files.
_TRAINING_ONLY = ('frozen_stages', 'norm_eval', 'with_cp', 'out_indices')
_TRAINING_ONLY += ('init_cfg', 'pretrained', '_scope_', 'zero_init_residual')
_PLAIN = (str, int, float, bool, type(None))


def record_from_config(cfg, preprocessor=None) -> dict:
    """The record of the backbone that a training config trains.

    Args:
        cfg (Config): A full config of MMPretrain or of this project.
        preprocessor (nn.Module | None): The built data preprocessor, if
            there is one; it knows better than the config.

    Returns:
        dict: ``format``, ``backbone`` (type and arguments),
        ``channel_order`` that the network sees ('rgb', 'bgr' or none if
        unknown), ``mean`` and ``std`` in units of 0 to 255 and in that
        order, ``method``, ``config``, ``cds_mm`` (version).

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
    return {
        'format': FORMAT,
        'backbone': plain(model['backbone'], 'model.backbone'),
        **input_of(cfg, preprocessor),
        'config': name,
        'method': name.split('_', 1)[0],
        'cds_mm': __version__,
    }


def input_of(cfg, preprocessor=None) -> dict:
    """How the images of a config look to its network.

    Args:
        cfg (Config | dict): A full config.
        preprocessor (nn.Module | None): The built one, if there is one.

    Returns:
        dict: ``channel_order``, ``mean`` and ``std``, as in the record.
    """
    model = cfg.get('model') or {}
    settings = model.get('data_preprocessor') or cfg.get('data_preprocessor')
    source = preprocessor if preprocessor is not None else settings or {}
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


def function_of(backbone: dict) -> dict:
    """The part of a backbone's config that decides what it computes.

    Args:
        backbone (dict): ``type`` and arguments.

    Returns:
        dict: Without what matters to training only, and without the scope
        in front of the type.
    """
    kept = {k: v for k, v in backbone.items() if k not in _TRAINING_ONLY}
    kept['type'] = str(kept.get('type')).removeprefix('mmpretrain.')
    return kept


def recorded(checkpoint: dict, path) -> dict | None:
    """The record in a checkpoint, checked; none if there is none.

    Args:
        checkpoint (dict): What ``read_checkpoint`` gave.
        path: The file, for messages.

    Raises:
        UserError: A record of another format, or a damaged one.
    """
    meta = checkpoint.get('meta')
    record = meta.get(RECORD_KEY) if isinstance(meta, dict) else None
    if record is None:
        return None
    if not isinstance(record, dict) or record.get('format') != FORMAT:
        raise UserError(
            f'{path}: its record is not of format {FORMAT}; use the version '
            'of cds_mm that wrote it'
        )
    healthy = (
        isinstance(record.get('backbone'), dict)
        and record.get('channel_order') in ('rgb', 'bgr', None)
        and _three_numbers(record.get('mean'))
        and _three_numbers(record.get('std'))
        and all(record['std'])
    )
    if not healthy:
        raise UserError(
            f'{path}: its record is damaged; name the training config with '
            '--config'
        )
    return record


def _three_numbers(values) -> bool:
    return (
        isinstance(values, list)
        and len(values) == 3
        and all(type(value) in (int, float) for value in values)
    )
