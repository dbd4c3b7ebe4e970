"""The order of the channels in which a data set hands images out."""

from collections.abc import Iterable

from cds_mm.config.questions import type_name

# What leaves each loader; every other `Load...Image...` is unknown to us.
LOADERS = {
    'LoadImageFromFile': 'bgr',
    'LoadImageFromNDArray': 'bgr',
    'LoadImageFromWebcam': 'bgr',
    'LoadBGRImage': 'bgr',
    'LoadRGBImage': 'rgb',
}
# Data sets that hold arrays, so that nothing has to load them.
_ARRAYS = {'CIFAR10', 'CIFAR100', 'MNIST', 'FashionMNIST'}
# Transforms that reverse the channels, with the argument that says so and
# its default.
_REVERSERS = {
    'NumpyToPIL': ('to_rgb', False),
    'ToPIL': ('to_rgb', False),
    'PILToNumpy': ('to_bgr', False),
    'ToNumpy': ('to_bgr', False),
    'Normalize': ('to_rgb', True),
}
OTHER = {'rgb': 'bgr', 'bgr': 'rgb'}


def flipped(order: str | None) -> str | None:
    """The other order."""
    return None if order is None else OTHER[order]


def dataset_order(dataset: dict) -> str | None:
    """The order at the end of a data set's own pipeline and its wrappers'.

    The innermost data set loads.  What is wrapped around it (Mosaic, MixUp
    and CopyPaste are pipelines of MultiImageMixDataset) may still reverse.

    Args:
        dataset: config of a data set, wrapped or not.

    Returns:
        str | None: 'rgb' or 'bgr'; None where a loader is unknown, where
        nothing loads and the data set is not known to hold arrays, and where
        several data sets differ.
    """
    inner = [d for d in dataset.get('datasets') or () if hasattr(d, 'get')]
    if hasattr(dataset.get('dataset'), 'get'):
        inner.append(dataset['dataset'])
    if inner:
        start = _agreed(dataset_order(one) for one in inner)
    else:
        # Without any pipeline it is the data set itself that makes inputs.
        holds = type_name(dataset) in _ARRAYS or 'pipeline' not in dataset
        start = 'rgb' if holds else None
    return pipeline_order(dataset.get('pipeline') or [], start)


def pipeline_order(
    pipeline: list | tuple, start: str | None = 'rgb'
) -> str | None:
    """The order at the end of a pipeline; of several views, the first.

    Args:
        pipeline: configs of its steps.
        start: the order in which images come to it.
    """
    order = start
    for step in pipeline:
        order = _after(step, order)
    return order


def _after(step, order: str | None) -> str | None:
    if isinstance(step, list | tuple):  # a view of several
        return pipeline_order(step, order)
    name = type_name(step)
    if name in LOADERS:
        return LOADERS[name]
    if name.startswith('Load') and 'Image' in name:
        return None
    if name in _REVERSERS:
        argument, default = _REVERSERS[name]
        return flipped(order) if step.get(argument, default) else order
    if name == 'MultiBranch':  # of a semi-supervised detector
        return _agreed(
            pipeline_order(branch, order) for branch in _branches(step)
        )
    inner = step.get('transforms')
    if not inner:
        return order
    if not isinstance(inner, list | tuple):
        return _after(inner, order)
    if name == 'RandomChoice':  # any of them may be the one
        return _agreed(_after(one, order) for one in inner)
    if isinstance(inner[0], list | tuple):  # pipelines of several views
        return pipeline_order(inner[0], order)
    return pipeline_order(inner, order)


def _branches(step) -> list:
    found = [step.get(name) for name in step.get('branch_field') or ()]
    return [
        one if isinstance(one, list | tuple) else [one] for one in found if one
    ]


def _agreed(orders: Iterable[str | None]) -> str | None:
    found = set(orders)
    return found.pop() if len(found) == 1 else None
