"""Views whose part in the loader and part on the device are no pair."""

from collections.abc import Iterator

from cds_mm.config.pipelines import (
    device_views,
    leaf_configs,
    named_leaves,
    views_of,
)
from cds_mm.config.questions import type_name
from cds_mm.config.view_settings import ON_DEVICE, base_views
from cds_mm.errors import UserError

_DATASET = 'train_dataloader.dataset'
# Steps that draw nothing, and beginnings of the names of others.
_STILL = ('CenterCrop', 'Collect', 'Normalize', 'Pad', 'RightAngleRotation')
_STILL_TOO = ('Load', 'NumpyToPIL', 'PILToNumpy', 'Pack', 'Resize', 'ToPIL')
# What no recipe does twice to one view.
_KINDS = ('Crop', 'Flip', 'Cutout', 'ColorJitter', 'Grayscale')


def check_done_once(cfg: dict) -> None:
    """Refuse a view that is cropped, say, in the loader and on the device.

    Args:
        cfg: a full config.

    Raises:
        UserError: the first kind of operation that is in both.
    """
    moved = device_views(cfg)
    if not moved:
        return
    dataset = cfg['train_dataloader']['dataset']
    for key, leaf in named_leaves(dataset, _DATASET):
        loaded = views_of(leaf)
        for view, on_device in enumerate(moved):
            here = loaded[min(view, len(loaded) - 1)]
            for kind in _KINDS:
                first, second = _of(kind, here), _of(kind, on_device)
                if first and second:
                    raise UserError(
                        f'{key}.pipeline: {first} in the loader and {second} '
                        f'in data_preprocessor.views would both change view '
                        f'{view}; set data_preprocessor.views=None if the '
                        'pipeline is the whole of it, or take one of the two '
                        'out'
                    )


def doubtful_views(cfg: dict) -> Iterator[str]:
    """What is to be said of views that may not be what was meant.

    Args:
        cfg: a full config.
    """
    loader, moved = cfg.get('train_dataloader') or {}, device_views(cfg)
    if not isinstance(loader.get('dataset'), dict):
        return
    leaves = leaf_configs(loader['dataset'])
    for loaded in map(views_of, leaves):
        drawn = [type_name(step) for step in loaded[0] if _draws(step)]
        if len(loaded) == 1 < len(moved) and drawn:
            yield (
                f'train_dataloader.dataset.pipeline: {", ".join(drawn)} draws '
                f'once for the {len(moved)} views of data_preprocessor.views, '
                'which all begin with that image; set pipeline=_base_.NAME '
                'and data_preprocessor=_base_.NAME_on_device of one NAME'
            )
            return
    named = [
        (name, _names(views_of(dict(pipeline=pipeline))), views)
        for name, pipeline, views in base_views(cfg)
    ]
    for loaded in map(views_of, leaves):
        of_these = [one for one in named if one[1] == _names(loaded)]
        if any(views == moved for _, _, views in of_these):
            continue
        on_device = [name for name, _, views in named if views == moved]
        if moved and on_device:
            yield (
                'train_dataloader.dataset.pipeline: is not that of '
                f'{on_device[0]}, whose part on the device is still done '
                f'({_listed(moved)}); set data_preprocessor.views=None if the '
                'pipeline is the whole of it'
            )
            return
        if of_these and not moved:
            name, _, views = of_these[0]
            yield (
                f'data_preprocessor.views: is empty, and the pipeline is that '
                f'of {name}, which leaves {_listed(views)} to the device; set '
                f'data_preprocessor=_base_.{name}{ON_DEVICE} if that is not '
                'on purpose'
            )
            return


def _listed(views) -> str:
    names = (type_name(step) for view in views for step in view)
    return ', '.join(dict.fromkeys(names))


def _names(views) -> list[list[str]]:
    """The operations of each view by name."""
    return [
        [
            type_name(step)
            for step in view
            if not type_name(step).startswith(('Load', 'Pack'))
        ]
        for view in views
    ]


def _of(kind: str, steps) -> str:
    """The first step of a kind that draws, or nothing."""
    found = (type_name(s) for s in steps if kind in type_name(s) and _draws(s))
    return next(found, '')


def _draws(step) -> bool:
    name = type_name(step)
    return name not in _STILL and not name.startswith(_STILL_TOO)
