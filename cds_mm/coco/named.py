"""Data set and metric that go by the names of the categories."""

import json
from collections.abc import Sequence

import cds_mm.hosts  # noqa: F401

from mmdet.datasets import CocoDataset
from mmdet.datasets.api_wrappers import COCO
from mmdet.evaluation import CocoMetric
from mmengine.fileio import get_local_path

from cds_mm.arguments import text_paths
from cds_mm.coco.judging_file import is_matched
from cds_mm.errors import UserError
from cds_mm.registry import DATASETS, METRICS

__all__ = ['NamedCOCO', 'NamedCocoDataset', 'NamedCocoMetric']


class NamedCOCO(COCO):
    """COCO's API that hands out categories in the order of given names.

    Reads a file with a byte order mark, too.
    """

    def __init__(self, annotation_file: str | None = None):
        super().__init__()
        if annotation_file is None:
            return
        with open(annotation_file, encoding='utf-8-sig') as file:
            self.dataset = json.load(file)
        self.createIndex()
        self.img_ann_map = self.imgToAnns
        self.cat_img_map = self.catToImgs

    def get_cat_ids(
        self,
        cat_names: Sequence[str] = (),
        sup_names: Sequence[str] = (),
        cat_ids: Sequence[int] = (),
    ) -> list:
        """Ids of categories; with names alone, one id for each, in order.

        A name without a category gets an id that no category has, so that
        the place of an id in the list is the label of its name.

        Args:
            cat_names: the names of the classes, in the order of the labels.
            sup_names, cat_ids: as in COCO's own API.
        """
        if not cat_names or sup_names or cat_ids:
            return super().get_cat_ids(cat_names, sup_names, cat_ids)
        ids = {entry['name']: key for key, entry in self.cats.items()}
        for name in cat_names:
            if name not in ids:
                ids[name] = self._unused_id()
                self.cats[ids[name]] = dict(id=ids[name], name=name)
        return [ids[name] for name in cat_names]

    def number_annotations(self) -> None:
        """Number the annotations from 1 on, where an id would not count.

        What is judged stays the same; see ``judging_file.py``.
        """
        entries = self.dataset.get('annotations', [])
        if not all(is_matched(entry['id']) for entry in entries):
            for number, entry in enumerate(entries, 1):
                entry['id'] = number
            self.createIndex()
            self.img_ann_map = self.imgToAnns
            self.cat_img_map = self.catToImgs

    def _unused_id(self) -> int | str:
        # COCO's evaluation sorts the ids, so they are of one kind.
        if all(isinstance(key, int) for key in self.cats):
            return max(self.cats, default=0) + 1
        return f'no category {len(self.cats)}'


@DATASETS.register_module()
class NamedCocoDataset(CocoDataset):
    """MMDetection's CocoDataset that labels by the names of the categories.

    The label of a box is the place of its category's name in
    ``metainfo.classes``, in whatever order the file has its categories and
    whether or not it has all of them.  (The host numbers the categories in
    the order of the file, so that another order, or a name that the file
    lacks, shifts the labels.)  Judge it by :class:`NamedCocoMetric`.

    Takes the arguments of :class:`mmdet.datasets.CocoDataset`.
    """

    COCOAPI = NamedCOCO

    def _join_prefix(self) -> None:
        # The host joins texts, so that a Path would be an error of its own.
        for name in ('data_root', 'ann_file', 'data_prefix'):
            setattr(self, name, text_paths(getattr(self, name)))
        super()._join_prefix()


@METRICS.register_module()
class NamedCocoMetric(CocoMetric):
    """MMDetection's CocoMetric that goes by the names of the categories.

    A class that the annotation file lacks has no AP; that of the others is
    what COCO's evaluation gives without it.  Annotations may have any ids:
    those that COCO's evaluation would not count (0, text) are replaced.

    Takes the arguments of :class:`mmdet.evaluation.CocoMetric`.
    """

    def __init__(
        self,
        ann_file: str | None = None,
        *args,
        backend_args: dict | None = None,
        **kwargs,
    ):
        super().__init__(None, *args, backend_args=backend_args, **kwargs)
        self._ids_by_label: list | None = None
        if ann_file is not None:
            with get_local_path(ann_file, backend_args=backend_args) as path:
                self._coco_api = NamedCOCO(path)
            self._coco_api.number_annotations()

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics; see the host's class.

        Raises:
            UserError: the classes of the data set are not known.
        """
        classes = (self.dataset_meta or {}).get('classes')
        if not classes:
            raise UserError(
                'NamedCocoMetric: the data set has no classes; set its '
                'metainfo.classes'
            )
        if isinstance(self._coco_api, NamedCOCO):
            self._ids_by_label = self._coco_api.get_cat_ids(classes)
            # In the order of COCO's evaluation, which sorts them, so that
            # `classwise` gives each AP the name of its class.
            self.cat_ids = sorted(self._ids_by_label)
        return super().compute_metrics(results)

    def results2json(
        self, results: Sequence[dict], outfile_prefix: str
    ) -> dict[str, str]:
        """Write the detections with the ids of the file; see the host."""
        in_order, self.cat_ids = (
            self.cat_ids,
            self._ids_by_label or self.cat_ids,
        )
        try:
            return super().results2json(results, outfile_prefix)
        finally:
            self.cat_ids = in_order
