"""The settings by which a config chooses its views, in one place."""

from collections.abc import Mapping
from typing import Any

from cds_mm.config.pipelines import named_leaves, views_of
from cds_mm.config.python_text import Name, assignments, settings_at

DATASET = 'train_dataloader.dataset'


def view_settings(views: str, dataset: str = DATASET) -> dict[str, Any]:
    """What a leaf config sets so that its images have these views.

    Args:
        views: the name of a pipeline in ``configs/_base_/datasets``, such as
            'two_views'.
        dataset: key of the data set that has the pipeline.
    """
    return settings_at(f'{dataset}.pipeline', Name(f'_base_.{views}'))


def lines_for_views(cfg: Mapping[str, Any], count: int) -> list[str]:
    """The lines that give the images of a config so many views.

    Args:
        cfg: a full config with a ``train_dataloader``.
        count: of the views.

    Returns:
        list: to be pasted into the config file; empty where its base has no
        such views.
    """
    key, _ = named_leaves(cfg['train_dataloader']['dataset'], DATASET)[0]
    if any(part.isdigit() for part in key.split('.')):
        return []  # one of several data sets: a list, which is not merged
    for name, value in cfg.items():
        if _is_pipeline(value) and len(views_of({'pipeline': value})) == count:
            return assignments(view_settings(name, key), width=10**6)
    return []


def _is_pipeline(value) -> bool:
    """Whether a name of a config is a pipeline of several views."""
    return isinstance(value, list) and any(
        isinstance(step, Mapping) and 'MultiView' in str(step.get('type'))
        for step in value
    )
