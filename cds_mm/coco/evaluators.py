"""The COCO metrics of a config."""

import os
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

from cds_mm.coco.leaf import same_file
from cds_mm.config import evaluators, type_name
from cds_mm.errors import UserError

_KINDS = ('CocoMetric', 'FasterCocoMetric', 'NamedCocoMetric')


@dataclass(frozen=True)
class CocoEvaluator:
    """A metric that judges by COCO's evaluation.

    Attributes:
        place: its key in the config.
        cfg: its config.
    """

    place: str
    cfg: dict

    @property
    def annotation_path(self) -> str:
        """Its own annotation file; empty where it has none, or a remote."""
        path = str(self.cfg.get('ann_file') or '')
        backend = (self.cfg.get('backend_args') or {}).get('backend', 'local')
        return path if '://' not in path and backend == 'local' else ''

    @property
    def is_by_name(self) -> bool:
        """Whether it goes by the names of the categories."""
        return type_name(self.cfg) == 'NamedCocoMetric'

    @property
    def scores(self) -> bool:
        """Whether it compares with annotations, and not only writes."""
        return not self.cfg.get('format_only')

    @property
    def sorts(self) -> bool:
        """Whether it sorts the categories of its file by their ids."""
        return bool(self.cfg.get('sort_categories'))

    def reads(self, path: str) -> bool:
        """Whether it takes the annotations of a file."""
        own = self.annotation_path
        return bool(own) and self.scores and same_file(own, path)


def coco_evaluators(
    cfg: Config, split: str, datasets: list[Any]
) -> list[CocoEvaluator]:
    """The COCO metrics of a split.

    Args:
        cfg: a full config of MMDetection.
        split: 'train', 'val' or 'test'.
        datasets: the data sets of that split.

    Raises:
        UserError: the annotation file of one is missing.
    """
    given = cfg.get(f'{split}_evaluator')
    found = []
    for number, evaluator in enumerate(evaluators(cfg, split)):
        if type_name(evaluator) not in _KINDS:
            continue
        key = f'{split}_evaluator'
        place = key if isinstance(given, dict) else f'{key}.{number}'
        judge = CocoEvaluator(place, evaluator)
        _check_file(judge, datasets)
        found.append(judge)
    return found


def _check_file(judge, datasets):
    path = judge.annotation_path
    if not path or os.path.exists(path):
        return
    own = {str(dataset.ann_file) for dataset in datasets if dataset}
    path_of_data = own.pop() if len(own) == 1 else 'that of the data set'
    raise UserError(
        f'{judge.place}.ann_file: there is no {path}; set '
        f'{judge.place}.ann_file={path_of_data}'
    )
