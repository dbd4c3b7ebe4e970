"""How images look to a network: order of the channels, mean and std."""

from cds_mm.config.image_order import (
    OTHER,
    dataset_order,
    flipped,
    pipeline_order,
)
from cds_mm.config.questions import preprocessor_settings

__all__ = [
    'OTHER',
    'flipped',
    'input_of',
    'loader_order',
    'network_order',
    'pipeline_order',
    'reverses',
    'statistics',
]

_SWITCHES = ('to_rgb', 'bgr_to_rgb', 'rgb_to_bgr')


def network_order(loader_order: str | None, preprocessor) -> str | None:
    """The order after the preprocessor.

    Args:
        loader_order (str | None): 'rgb', 'bgr', or none if unknown.
        preprocessor (dict | nn.Module): A config, or the built module.

    Returns:
        str | None: 'rgb', 'bgr', or none if unknown.
    """
    return flipped(loader_order) if reverses(preprocessor) else loader_order


def reverses(preprocessor) -> bool:
    """Whether a preprocessor (config or module) reverses the channels."""
    if hasattr(preprocessor, 'get'):
        return any(preprocessor.get(switch) for switch in _SWITCHES)
    # MMPretrain's class has `to_rgb`; MMEngine's `_channel_conversion`.
    return bool(
        getattr(preprocessor, 'to_rgb', False)
        or getattr(preprocessor, '_channel_conversion', False)
    )


def loader_order(cfg) -> str | None:
    """The order in which a config's data set hands images out.

    Args:
        cfg (Config | dict): A full config; its training pipeline counts,
            else that of the test.

    Returns:
        str | None: as of :func:`cds_mm.config.image_order.dataset_order`;
        'bgr' where there is no data set (MMCV's default).
    """
    for name in ('train_dataloader', 'test_dataloader', 'val_dataloader'):
        dataset = (cfg.get(name) or {}).get('dataset')
        if dataset:
            return dataset_order(dataset)
    return 'bgr'


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
