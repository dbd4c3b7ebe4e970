"""Names that do not agree, collected so that one line corrects them all."""

from dataclasses import dataclass, field, replace
from typing import Any

from cds_mm.coco.annotations import Annotations
from cds_mm.coco.evaluators import CocoEvaluator
from cds_mm.coco.leaf import Leaf
from cds_mm.coco.names import (
    Mismatch,
    classes_setting,
    compare_names,
)
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

_DATASET = 'cds_mm.NamedCocoDataset'
_METRIC = 'cds_mm.NamedCocoMetric'


@dataclass
class Mismatches:
    """Where labels would be shifted, and the settings that prevent it."""

    causes: list[str] = field(default_factory=list)
    options: dict[str, None] = field(default_factory=dict)
    renamed: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def compare(self, leaf: Leaf, file: Annotations) -> None:
        """Look at the classes of a data set and the names of its file."""
        classes = leaf.classes or ()
        found = _compare(leaf, file)
        if not found:
            return
        if leaf.is_by_name and set(classes) & set(file.names):
            return
        if leaf.is_published:
            # All files of a published set agree, so the figures are right.
            warn(
                f'{leaf.place}: {found.cause}; the classes may be shown '
                'under wrong names'
            )
            return
        self._add(leaf.place, found)
        if not found.classes:
            self.options[f'{leaf.place}.type={_DATASET}'] = None

    def compare_judge(
        self, judge: CocoEvaluator, leaf: Leaf, file: Annotations
    ) -> None:
        """Look at the classes of a data set and the file of its metric.

        Raises:
            UserError: the file has other names than that of the data set.
        """
        # Of a panoptic set such a metric judges the things.
        classes = leaf.metainfo.get('thing_classes') or leaf.classes or ()
        if judge.is_by_name or judge.sorts:
            return
        found = compare_names(classes, file)
        if found and found.classes:
            if not self.causes:
                raise UserError(
                    f'{judge.place}: {found.cause}; set '
                    f'{judge.place}.ann_file to that of {leaf.place}'
                )
            return
        ids: list[Any] = [
            key for key, name in file.categories if name in classes
        ]
        if found and leaf.is_published:
            return
        if not found and judge.cfg.get('classwise') and ids != sorted(ids):
            found = Mismatch(
                f'{file.path} has its categories in another order than that '
                'of their ids, so that CocoMetric with classwise=True gives '
                'the AP of one class under the name of another',
                None,
            )
        if found:
            self._add(judge.place, found)
            self.options[f'{judge.place}.type={_METRIC}'] = None

    def raise_if_any(self) -> None:
        """Say what was found in one line.

        Raises:
            UserError: something was.
        """
        if not self.causes:
            return
        more = len(self.causes) - 1
        cause = self.causes[0] + (f' (and {more} more)' if more else '')
        if self.renamed:
            classes = next(iter(self.renamed.values()))
            fix = classes_setting([*self.renamed], classes)
        else:
            fix = (
                'MMDetection takes labels from the order in the file; go by '
                f'the names with --cfg-options {" ".join(self.options)}'
            )
        raise UserError(f'{cause}; {fix}')

    def _add(self, place: str, found: Mismatch) -> None:
        self.causes.append(f'{place}: {found.cause}')
        if found.classes:
            self.renamed.setdefault(place, found.classes)


def _compare(leaf, file) -> Mismatch | None:
    """As :func:`compare_names`, by the order in which a data set labels."""
    classes = leaf.classes or ()
    if leaf.label_order == 'ids':
        # Ids of both kinds cannot be sorted, which the host says.
        by_id = sorted(
            file.categories, key=lambda one: (isinstance(one[0], str), one[0])
        )
        file = replace(file, categories=by_id)
    found = compare_names(classes, file)
    spare = len(file.categories) - len(classes)
    if found or leaf.label_order != 'all' or not spare:
        return found
    return Mismatch(
        f'{leaf.kind.__name__} labels all {len(file.categories)} categories '
        f'of {file.path}, metainfo.classes names {len(classes)}',
        None,
    )
