"""The views of a training op by op on each image, as recipes publish them."""

import copy
from collections.abc import Iterator

from mmengine.config import Config

from cds_mm.config.pipelines import (
    device_views,
    is_multi_view,
    leaf_configs,
    repeated_views,
)
from cds_mm.config.questions import preprocessor_settings, type_name
from cds_mm.errors import UserError

_MULTI_VIEW = 'SeededMultiView'
# What a fast class is the same as, byte for byte.
_HOST_LIKE = {
    'PackChannelsLast': 'PackInputs',
    'collate_views': 'default_collate',
}


def use_parity(cfg: Config) -> None:
    """Take the optimisations out of the config of a training, in place.

    What the device does of a view moves to the end of that view in the
    loader, where the same operations draw the same numbers.  Images are
    decoded at full size, resized by Pillow, and packed as the host does it.

    Args:
        cfg: a full config, as a leaf states it or a run has dumped it.

    Raises:
        UserError: the loader's views and the device's do not go together.
    """
    loader = cfg.get('train_dataloader')
    if loader:
        leaves = leaf_configs(loader['dataset'])
        _move_to_loader(cfg, leaves)
        for leaf in leaves:
            for step in _steps(leaf.get('pipeline') or []):
                _plain(step)
        _like_the_host(loader.get('collate_fn') or {})
    model = cfg.get('model') or {}
    if model.get('memory_format'):
        model['memory_format'] = 'contiguous_format'


def _move_to_loader(cfg, leaves):
    views = device_views(cfg)
    if views:
        for leaf in leaves:
            leaf['pipeline'] = _whole(leaf.get('pipeline') or [{}], views)
        preprocessor_settings(cfg).pop('views')


def _whole(pipeline, views):
    """A pipeline with the device's part of each view at the end of it."""
    *steps, pack = pipeline
    last: dict = steps[-1] if steps else {}
    views = copy.deepcopy(views)
    if type_name(last) == _MULTI_VIEW:
        loaded = repeated_views(last)
        steps = steps[:-1]
    else:
        # One image of each sample serves all views.
        loaded, last = [[]] * len(views), dict(type=_MULTI_VIEW)
    several = any(is_multi_view(step) for step in steps)
    packed = type_name(pack).startswith('Pack')
    if several or not packed or len(loaded) != len(views):
        raise UserError(
            f'data_preprocessor.views has {len(views)} views, and '
            'the pipeline of the training data does not end in a '
            f'{_MULTI_VIEW} with as many, or an image for all, and a step '
            'that packs; change one of them'
        )
    whole = [[*one, *more] for one, more in zip(loaded, views, strict=True)]
    if len(whole) == 1 and 'transforms' not in last:
        return [*steps, *whole[0], pack]
    rest = {k: v for k, v in last.items() if k != 'num_views'}
    return [*steps, {**rest, 'transforms': whole}, pack]


def _steps(pipeline) -> Iterator[dict]:
    """Every transform of a pipeline, those inside of views too."""
    for step in pipeline:
        if isinstance(step, list | tuple):
            yield from _steps(step)
        else:
            yield step
            inner = step.get('transforms')
            yield from _steps(inner if isinstance(inner, list) else [])


def _plain(step):
    if type_name(step) == 'AntialiasedResizedCrop':
        step.pop('backend', None)
    if type_name(step) == 'LoadRGBImage':
        step.pop('keep_pixels', None)
    _like_the_host(step)


def _like_the_host(step):
    name = type_name(step)
    if name in _HOST_LIKE:
        step['type'] = _HOST_LIKE[name]
