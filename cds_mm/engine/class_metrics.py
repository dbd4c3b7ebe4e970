"""Settings of MMPretrain's metrics that fail after the first epoch."""

from mmengine.config import Config

from cds_mm.config import placed_evaluators, type_name
from cds_mm.errors import UserError

_METRICS = ('Accuracy', 'SingleLabelMetric', 'MultiLabelMetric')


def check_class_metrics(cfg: Config, split: str) -> None:
    """See that metrics of a classification get numbers that they can use.

    Args:
        cfg: of a run.
        split: 'val' or 'test'.

    Raises:
        UserError: a number of guesses below 1, or a threshold that is none.
    """
    for where, evaluator in placed_evaluators(cfg, split):
        if type_name(evaluator) not in _METRICS:
            continue
        for k in _each(evaluator.get('topk')):
            if not _is_number(k, int) or k < 1:
                raise UserError(
                    f'{where}.topk={evaluator["topk"]!r}: has to be whole '
                    f'numbers from 1 on; set {where}.topk=1'
                )
        for key in ('thrs', 'thr'):
            for threshold in _each(evaluator.get(key)):
                if not _is_number(threshold, int | float):
                    raise UserError(
                        f'{where}.{key}={evaluator[key]!r}: has to be a '
                        f'number, the least score of a guess; set '
                        f'{where}.{key}=0.5, or None to count all'
                    )


def _each(value: object) -> list:
    """The items of a setting that is one or a list; None is left out."""
    items = value if isinstance(value, list | tuple) else [value]
    return [item for item in items if item is not None]


def _is_number(value: object, kind) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
