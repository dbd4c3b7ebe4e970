"""What the config of a pipeline says of the images that it gives."""

from cds_mm.data.labels import leaf_configs

_SIZES = ('crop_size', 'scale')


def pipeline_of(dataset: dict) -> list[dict]:
    """The pipeline of a data set's config; of several joined, the first's."""
    return leaf_configs(dataset)[0].get('pipeline', [])


def views_of(dataset: dict) -> list[list[dict]]:
    """The transforms of each view, with those that all views share."""
    shared = []
    for step in pipeline_of(dataset):
        if 'MultiView' in str(step['type']):
            return [[*shared, *view] for view in step['transforms']]
        shared.append(step)
    return [shared]


def device_views(cfg: dict) -> list[list[dict]]:
    """The operations that the preprocessor of a config does on each view."""
    preprocessor = (cfg.get('model') or {}).get('data_preprocessor')
    preprocessor = preprocessor or cfg.get('data_preprocessor') or {}
    return preprocessor.get('views') or []


def training_views(cfg: dict) -> list[list[dict]]:
    """The transforms of each view of a training: loader, then device.

    Args:
        cfg: a config with a ``train_dataloader``.
    """
    loaded, moved = (
        views_of(cfg['train_dataloader']['dataset']),
        device_views(cfg),
    )
    if not moved:
        return loaded
    if len(loaded) == 1:  # one image of each sample serves all views
        loaded *= len(moved)
    return [[*view, *more] for view, more in zip(loaded, moved, strict=True)]


def image_side(cfg: dict) -> int | None:
    """Pixels of a side of the first view; None where nothing says so.

    Args:
        cfg: a config, of a training or not.
    """
    if not cfg.get('train_dataloader'):
        return None
    for step in reversed(training_views(cfg)[0]):
        for key in _SIZES:
            size = step.get(key)
            if size:
                return size if isinstance(size, int) else size[0]
    return None
