"""In which order a network sees the colour channels."""

from cds_mm.config import first_steps, pipeline_of, type_name
from cds_mm.errors import UserError

# What leaves each loader; every other `Load...Image...` is unknown to us.
LOADERS = {
    'LoadImageFromFile': 'bgr',
    'LoadImageFromNDArray': 'bgr',
    'LoadImageFromWebcam': 'bgr',
    'LoadRGBImage': 'rgb',
}
# Transforms that reverse the channels, with the argument that says so.
REVERSERS = {'NumpyToPIL': 'to_rgb', 'ToPIL': 'to_rgb'}
REVERSERS |= {'PILToNumpy': 'to_bgr', 'ToNumpy': 'to_bgr'}
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


def flipped(order: str | None) -> str | None:
    """The other order."""
    return {'rgb': 'bgr', 'bgr': 'rgb', None: None}[order]


def known(order: str | None) -> str:
    """The order, which must be known.

    Raises:
        UserError: it is None.
    """
    if order is None:
        raise UserError(
            'the channel order of the network is not known; convert the '
            'training checkpoint with --channel-order rgb or bgr'
        )
    return order


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
        str | None: 'rgb' where nothing loads (data sets such as CIFAR hold
        RGB arrays), 'bgr' where there is no data set (MMCV's default), none
        for a loader that this function does not know.
    """
    for name in ('train_dataloader', 'test_dataloader', 'val_dataloader'):
        dataset = (cfg.get(name) or {}).get('dataset')
        if dataset:
            return pipeline_order(pipeline_of(dataset))
    return 'bgr'


def pipeline_order(pipeline) -> str | None:
    """The order at the end of a pipeline; of several views, the first."""
    order: str | None = 'rgb'
    for step in first_steps(pipeline):
        name = type_name(step)
        if name in LOADERS:
            order = LOADERS[name]
        elif name.startswith('Load') and 'Image' in name:
            order = None
        elif name in REVERSERS and step.get(REVERSERS[name]):
            order = flipped(order)
    return order
