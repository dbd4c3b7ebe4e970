"""The number of classes of every head against that of the data."""

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from mmengine.config import Config
from mmengine.registry import MODELS

from cds_mm.coco.leaf import (
    class_named,
    detection_leaves,
    knows_its_classes,
    splits_with_classes,
)
from cds_mm.coco.names import shown
from cds_mm.errors import UserError

# Heads whose classes are others than those of the boxes: objects or not,
# stuff, identities; and networks that are not trained here.
_OF_OTHERS = (
    'rpn_head',
    'semantic_head',
    'backbone',
    'neck',
    'reid',
    'teacher',
    'data_preprocessor',
    'train_cfg',
    'test_cfg',
)


def check_heads(cfg: Config, splits: Iterable[str]) -> None:
    """Compare the classes of all heads with those of the data.

    With more, some are never trained; with fewer, the focal loss takes a
    class for background, and either way nothing else would tell.

    Args:
        cfg: a full config of MMDetection.
        splits: that the run uses.

    Raises:
        UserError: they differ; it has the settings for all heads.
    """
    if not knows_its_classes(cfg):
        return
    heads = dict(_heads(cfg.model, 'model'))
    if not heads:
        return
    leaves = {split: detection_leaves(cfg, split) for split in splits}
    found = splits_with_classes(leaves)
    for place, classes in found.values():
        if _has_stuff(leaves, place):
            continue
        number = len(classes)
        wrong = {key: n for key, n in heads.items() if n != number}
        if wrong:
            key, given = next(iter(wrong.items()))
            options = ' '.join(f'{name}={number}' for name in wrong)
            raise UserError(
                f'{key}={given}: {place} has {number} classes '
                f'({shown(classes)}); set --cfg-options {options}'
            )


def _heads(model, key) -> Iterator[tuple[str, int]]:
    """Keys of all ``num_classes`` in a model's config, set or by default."""
    if isinstance(model, list | tuple):
        for index, part in enumerate(model):
            yield from _heads(part, f'{key}.{index}')
        return
    if not isinstance(model, dict):
        return
    number: Any = model.get('num_classes', _default(model.get('type')))
    if isinstance(number, int) and number > 0:
        yield f'{key}.num_classes', number
    for name, part in model.items():
        if not any(other in str(name) for other in _OF_OTHERS):
            yield from _heads(part, f'{key}.{name}')


def _default(kind: Any) -> int | None:
    """``num_classes`` where a config leaves it to the class of a head."""
    try:
        kind = class_named(MODELS, kind)
    except Exception:  # the host says it when it builds
        return None
    for base in getattr(kind, '__mro__', ()):
        if base.__name__.endswith('Loss'):
            return None
        init = vars(base).get('__init__')
        parameters = inspect.signature(init).parameters if init else {}
        if 'num_classes' in parameters:
            default = parameters['num_classes'].default
            return default if isinstance(default, int) else None
    return None


def _has_stuff(leaves, place) -> bool:
    """Whether the classes of a data set are things and stuff."""
    return any(
        'stuff_classes' in leaf.metainfo
        for of_split in leaves.values()
        for leaf in of_split
        if leaf.place == place
    )
