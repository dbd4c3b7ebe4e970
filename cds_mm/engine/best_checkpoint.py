"""Whether the score that chooses the best checkpoint will be there."""

from collections.abc import Callable
from difflib import get_close_matches

from mmengine.config import Config

from cds_mm.coco.evaluators import OF_BOXES
from cds_mm.config import evaluators, type_name
from cds_mm.errors import UserError
from cds_mm.hooks.zero_ap import SUFFIXES

_SETTING = 'default_hooks.checkpoint.save_best'
# Endings that depend on settings or on the data; they are not looked at.
_OPEN = ('_precision',)
# The threshold that the host leaves out of the names.
_USUAL = 0.5


def check_save_best(cfg: Config) -> None:
    """See that validation gives the score that ``save_best`` names.

    The host finds out when it has trained and validated an epoch.  Metrics
    whose names are not known here end the question.

    Args:
        cfg: of a training.

    Raises:
        UserError: no metric has that name; with the like one.
    """
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    wanted = hook.get('save_best')
    if not wanted or cfg.get('val_evaluator') is None:
        return
    names: list[str] = []
    for evaluator in evaluators(cfg, 'val'):
        found = _names(evaluator)
        if found is None:
            return
        names += found
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name == 'auto' or name in names or str(name).endswith(_OPEN):
            continue
        like = get_close_matches(str(name), names, 1, 0.4) or names[:1]
        raise UserError(
            f'{_SETTING}={name!r}: validation gives no such score, but '
            f'{", ".join(names)}; set {_SETTING}={like[0]}'
        )


def _names(evaluator: dict) -> list[str] | None:
    """The scores of a metric; None where they are not known here."""
    kind = type_name(evaluator)
    own: Callable[[dict], list[str] | None] | None = None
    default = ''
    if kind == 'Accuracy':
        own, default = _of_accuracy, 'accuracy'
    elif kind == 'SingleLabelMetric':
        own, default = _of_items, 'single-label'
    elif kind == 'MultiLabelMetric':
        own, default = _of_items, 'multi-label'
    elif kind in OF_BOXES:
        own, default = _of_coco, 'coco'
    found = own(evaluator) if own else None
    if found is None:
        return None
    prefix = evaluator.get('prefix') or default
    return [f'{prefix}/{name}' for name in found]


def _of_accuracy(evaluator: dict) -> list[str] | None:
    thresholds = evaluator.get('thrs')
    if isinstance(thresholds, list | tuple) and len(thresholds) > 1:
        return None
    topk = evaluator.get('topk', (1,))
    numbers = topk if isinstance(topk, list | tuple) else [topk]
    if not all(isinstance(k, int) and k > 0 for k in numbers):
        return None  # as its own check will say
    return [f'top{k}' for k in numbers]


def _of_items(evaluator: dict) -> list[str] | None:
    thresholds = evaluator.get('thrs')
    several = isinstance(thresholds, list | tuple) and len(thresholds) > 1
    if several:
        return None
    if evaluator.get('average', 'macro') != 'macro':
        return None
    items = evaluator.get('items', ('precision', 'recall', 'f1-score'))
    # Of several labels: the most likely ones, where no score is asked for.
    threshold, topk = evaluator.get('thr'), evaluator.get('topk')
    ending = ''
    if threshold is not None:  # 0.5 is the usual one
        ending = '' if threshold == _USUAL else f'_thr-{threshold:.2f}'
    elif topk:
        ending = f'_top{topk}'
    return [f'{item}{ending}' for item in items]


def _of_coco(evaluator: dict) -> list[str] | None:
    kinds = evaluator.get('metric', 'bbox')
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if evaluator.get('metric_items') or {*kinds} - {'bbox', 'segm'}:
        return None
    return [f'{kind}_mAP{end}' for kind in kinds for end in SUFFIXES]
