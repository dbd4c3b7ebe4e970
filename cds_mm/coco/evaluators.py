"""The COCO metrics of a config."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mmengine.config import Config

from cds_mm.coco.leaf import same_file
from cds_mm.config import placed_evaluators, type_name
from cds_mm.errors import UserError

# Those that take the label of a box from the categories of their file, and
# give an AP; the second is compiled, the third goes by names.
OF_BOXES = ('CocoMetric', 'FasterCocoMetric', 'NamedCocoMetric')
# And others that go over all images of their file.
_KINDS = (
    *OF_BOXES,
    'CocoOccludedSeparatedMetric',
    'CocoPanopticMetric',
    'LVISMetric',
    'OVCocoMetric',
)
SEVERAL = 'MultiDatasetsEvaluator'


_T = TypeVar('_T')


@dataclass(frozen=True)
class CocoEvaluator:
    """A metric that judges by a file in COCO's format.

    Attributes:
        place: its key in the config.
        cfg: its config.
        number: of the one data set that it judges; None for all.
    """

    place: str
    cfg: dict
    number: int | None = None

    @property
    def is_of_boxes(self) -> bool:
        """Whether it judges boxes by the categories of its file."""
        return type_name(self.cfg) in OF_BOXES

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
        return (
            bool(own)
            and self.is_of_boxes
            and self.scores
            and same_file(own, path)
        )

    def judged(self, datasets: Sequence[_T]) -> Sequence[_T]:
        """Those of the data sets of its split that it judges."""
        if self.number is None:
            return datasets
        return datasets[self.number : self.number + 1]


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
    found = []
    for place, evaluator, number in _placed(cfg, split, len(datasets)):
        if type_name(evaluator) in _KINDS:
            judge = CocoEvaluator(place, evaluator, number)
            _check_file(judge, judge.judged(datasets))
            found.append(judge)
    return found


def _placed(cfg, split, datasets: int):
    """Metrics with their keys, and the number of the data set of each."""
    given = cfg.get(f'{split}_evaluator')
    found = placed_evaluators(cfg, split)
    if isinstance(given, dict) and type_name(given) == SEVERAL:
        if len(found) == datasets:
            for number, (place, metric) in enumerate(found):
                yield place, metric, number
        return
    for place, metric in found:
        yield place, metric, None


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
