"""Data sets and pipelines of a config, and the views that they give."""

from collections.abc import Iterator

from cds_mm.config.questions import preprocessor_settings, type_name
from cds_mm.errors import UserError

_SIZES = ('crop_size', 'scale')


def leaf_configs(cfg: dict) -> list[dict]:
    """The data sets inside of ConcatDataset, RepeatDataset and the like."""
    return [leaf for _, leaf in named_leaves(cfg, '')]


def named_leaves(cfg: dict, key: str) -> list[tuple[str, dict]]:
    """As :func:`leaf_configs`, each with its key in the config.

    Args:
        cfg: of a data set.
        key: of that data set, such as ``train_dataloader.dataset``.
    """
    if cfg.get('datasets'):
        inner = [
            (f'{key}.datasets.{number}', child)
            for number, child in enumerate(cfg['datasets'])
        ]
    elif cfg.get('dataset') is not None:
        inner = [(f'{key}.dataset', cfg['dataset'])]
    else:
        return [(key, cfg)]
    return [
        leaf for name, child in inner for leaf in named_leaves(child, name)
    ]


def pipeline_of(dataset: dict) -> list[dict]:
    """The pipeline of a data set's config; of several joined, the first's."""
    return leaf_configs(dataset)[0].get('pipeline', [])


def is_multi_view(step: dict) -> bool:
    """Whether a step of a pipeline makes several views."""
    return 'MultiView' in type_name(step)


def views_of(dataset: dict) -> list[list[dict]]:
    """The transforms of each view, with those that all views share.

    Args:
        dataset: of several joined, the first is looked at.
    """
    shared: list[dict] = []
    for step in pipeline_of(dataset) or ():
        if is_multi_view(step):
            return [[*shared, *view] for view in repeated_views(step)]
        shared.append(step)
    return [shared]


def repeated_views(step: dict) -> list[list[dict]]:
    """The views of a multi-view step, each as often as it is asked for.

    Raises:
        UserError: it has counts for another number of views.
    """
    views, counts = step['transforms'], step.get('num_views')
    if counts is None:
        return views
    if isinstance(counts, int):  # MMPretrain's own, of one kind
        counts = [counts]
    if len(counts) != len(views):
        raise UserError(
            f'{type_name(step)}: num_views={counts} has another length than '
            f'its {len(views)} transforms; give a number for each'
        )
    return [
        view
        for view, count in zip(views, counts, strict=True)
        for _ in range(count)
    ]


def device_views(cfg: dict) -> list[list[dict]]:
    """The operations that the preprocessor of a config does on each view."""
    return preprocessor_settings(cfg).get('views') or []


def training_views(cfg: dict, dataset: dict | None = None) -> list[list[dict]]:
    """The transforms of each view of a training: loader, then device.

    Args:
        cfg: a config with a ``train_dataloader``.
        dataset: the one of its data sets that is asked for; by default the
            first.

    Raises:
        UserError: the two have different numbers of views.
    """
    if dataset is None:
        dataset = cfg['train_dataloader']['dataset']
    loaded, moved = views_of(dataset), device_views(cfg)
    if not moved:
        return loaded
    if len(loaded) == 1:  # one image of each sample serves all views
        loaded *= len(moved)
    if len(loaded) != len(moved):
        raise UserError(differing_views(len(moved), len(loaded)))
    return [[*view, *more] for view, more in zip(loaded, moved, strict=True)]


def differing_views(on_device: int, loaded: int) -> str:
    """What is wrong where the preprocessor does not fit the loader."""
    return (
        f'data_preprocessor.views: operations for {on_device} views, but the '
        f'loader gives {loaded}; give a list of operations, or an empty one, '
        'for each (in a config with pipeline=_base_.NAME, '
        'data_preprocessor=_base_.NAME_on_device)'
    )


def image_side(cfg: dict) -> int | None:
    """Pixels of a side of the first view; None where nothing says so.

    Args:
        cfg: a config, of a training or not.
    """
    if not cfg.get('train_dataloader'):
        return None
    return _last_side(training_views(cfg)[0])


def evaluated_side(cfg: dict, split: str) -> int | None:
    """As :func:`image_side`, of the images of validation or test.

    Args:
        cfg: a config.
        split: 'val' or 'test'.
    """
    loader = cfg.get(f'{split}_dataloader')
    return _last_side(pipeline_of(loader['dataset'])) if loader else None


def _last_side(steps: list[dict]) -> int | None:
    for step in reversed(steps):
        for key in _SIZES:
            size = step.get(key)
            if size:
                return size if isinstance(size, int) else size[0]
    return None


def optimised_views(cfg: dict) -> list[str]:
    """What the views of a config do otherwise than op by op, in words.

    Args:
        cfg: a full config, as a run dumps it.
    """
    return [*_of_the_loader(cfg), *_of_the_device(cfg)]


def _of_the_loader(cfg):
    loader = cfg.get('train_dataloader')
    if not loader:
        return
    steps = [
        step
        for leaf in leaf_configs(loader['dataset'])
        for view in views_of(leaf)
        for step in view
    ]
    if any(step.get('backend') == 'torch' for step in steps):
        yield 'resizing by torch, a quarter of a grey level from Pillow'
    pixels = max((step.get('keep_pixels') or 0 for step in steps), default=0)
    if pixels:
        yield (
            f'JPEG files from {4 * pixels / 1e6:.1f} megapixels decoded at a '
            'smaller scale'
        )


def _of_the_device(cfg):
    names = dict.fromkeys(
        type_name(step) for view in device_views(cfg) for step in view
    )
    if names:
        yield f'on the device, in batches: {", ".join(names)}'


def first_steps(pipeline: list | tuple) -> Iterator[dict]:
    """The steps of a pipeline in their order; of several views, the first's.

    A multi-view step holds one pipeline per view; others, such as a random
    choice, hold alternatives: the first stands for all.
    """
    for step in pipeline:
        if isinstance(step, list | tuple):  # a view of several
            yield from first_steps(step)
            continue
        yield step
        inner = step.get('transforms')
        if inner:
            nested = isinstance(inner[0], list | tuple)
            yield from first_steps(inner[0] if nested else inner)
