"""The settings by which a config chooses its views, in one place."""

from collections.abc import Mapping
from typing import Any

from cds_mm.config.pipelines import named_leaves, training_views
from cds_mm.config.python_text import (
    Name,
    assignments,
    merged,
    settings_at,
)

_DATASET = 'train_dataloader.dataset'
_BASE = '_base_.'
_ON_DEVICE = '_on_device'


def view_settings(views: str, dataset: str = _DATASET) -> dict[str, Any]:
    """What a leaf config sets so that its images have these views.

    Args:
        views: as ``configs/_base_/datasets`` call them, e.g. 'two_views'.
        dataset: key of the data set that has the pipeline.
    """
    return {
        **settings_at(f'{dataset}.pipeline', Name(f'{_BASE}{views}')),
        'data_preprocessor': Name(f'{_BASE}{views}{_ON_DEVICE}'),
    }


def lines_for_views(cfg: Mapping[str, Any], count: int) -> list[str]:
    """The lines that give the images of a config so many views.

    Args:
        cfg: a full config with a ``train_dataloader``.
        count: of the views.

    Returns:
        list: to be pasted into the config file; empty where its base has no
        such views.
    """
    key, _ = named_leaves(cfg['train_dataloader']['dataset'], _DATASET)[0]
    if any(part.isdigit() for part in key.split('.')):
        return []  # one of several data sets: a list, which is not merged
    for name, value in cfg.items():
        if not _is_pipeline(value) or f'{name}{_ON_DEVICE}' not in cfg:
            continue
        settings = view_settings(name, key)
        if len(training_views(merged(cfg, _resolved(settings, cfg)))) == count:
            return assignments(settings, width=10**6)
    return []


def _is_pipeline(value) -> bool:
    return isinstance(value, list) and all(
        isinstance(step, Mapping) and 'type' in step for step in value
    )


def _resolved(settings, cfg):
    """Names of the base as what the config has under them."""
    if isinstance(settings, Name):
        return cfg[settings.removeprefix(_BASE)]
    return {key: _resolved(value, cfg) for key, value in settings.items()}
