"""The settings by which a config chooses its views, in one place."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from cds_mm.config.pipelines import named_leaves, training_views
from cds_mm.config.python_text import (
    Name,
    assignments,
    merged,
    settings_at,
)

_DATASET = 'train_dataloader.dataset'
_BASE = '_base_.'
ON_DEVICE = '_on_device'


def view_settings(views: str, dataset: str = _DATASET) -> dict[str, Any]:
    """What a leaf config sets so that its images have these views.

    Args:
        views: as ``configs/_base_/datasets`` call them, e.g. 'two_views'.
        dataset: key of the data set that has the pipeline.
    """
    return {
        **settings_at(f'{dataset}.pipeline', Name(f'{_BASE}{views}')),
        'data_preprocessor': Name(f'{_BASE}{views}{ON_DEVICE}'),
    }


def base_views(cfg: Mapping[str, Any]) -> Iterator[tuple[str, list, list]]:
    """The views that a config has under names.

    Args:
        cfg: a full config.

    Yields:
        tuple: a name, such as 'two_views', its pipeline for the loader and
        its operations for the device, a list for each view.
    """
    for name, value in cfg.items():
        device = cfg.get(f'{name}{ON_DEVICE}')
        if _is_pipeline(value) and isinstance(device, Mapping):
            yield name, value, device.get('views') or []


def advice_for_views(cfg: Config, count: int) -> str:
    """How the images of a config get so many views.

    Args:
        cfg: a full config with a ``train_dataloader``.
        count: of the views.

    Returns:
        str: lines to be pasted into its file; the settings, where they would
        undo what it sets itself; a description where its base has no such
        views.
    """
    key, _ = named_leaves(cfg['train_dataloader']['dataset'], _DATASET)[0]
    joined = any(part.isdigit() for part in key.split('.'))
    own = _assigned(cfg.filename)
    # A list of data sets is not merged, a dumped config has no base.
    if not joined and (own is None or '_base_' in own):
        for name, _, _ in base_views(cfg):
            settings = view_settings(name, key)
            changed = merged(cfg, _resolved(settings, cfg))
            if len(training_views(changed)) == count:
                return _advice(settings, key, name, own or set())
    return 'use a pipeline with as many views (SeededMultiView)'


def _advice(settings, key: str, name: str, own: set[str]) -> str:
    if own.isdisjoint(settings):
        lines = assignments(settings, width=10**6)
        return f'add to the config: {"; ".join(lines)}'
    return (
        f'set {key}.pipeline={_BASE}{name} and data_preprocessor={_BASE}'
        f'{name}{ON_DEVICE} in the config, within what it sets of them'
    )


def _assigned(filename: str | None) -> set[str] | None:
    """The names that a config file sets itself; None where there is none."""
    if not filename or not Path(filename).is_file():
        return None
    targets = (
        target
        for node in ast.parse(Path(filename).read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
    )
    return {one.id for one in targets if isinstance(one, ast.Name)}


def _is_pipeline(value) -> bool:
    return isinstance(value, list) and all(
        isinstance(step, Mapping) and 'type' in step for step in value
    )


def _resolved(settings, cfg):
    """Names of the base as what the config has under them."""
    if isinstance(settings, Name):
        return cfg[settings.removeprefix(_BASE)]
    return {key: _resolved(value, cfg) for key, value in settings.items()}
