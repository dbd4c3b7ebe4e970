"""The content of a COCO annotation file, as arrays."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from cds_mm.coco.masks import Masks


@dataclass
class Fault:
    """A key that some entries lack, or whose value is of the wrong kind.

    Attributes:
        section: that the entries are in.
        key: of theirs.
        place: of the first such entry, such as ``annotations[3] (id 4)``.
        value: of the first such entry, shortened; None where it has none.
        count: how many have this fault.
    """

    section: str
    key: str
    place: str
    value: str | None
    count: int = 0

    @property
    def is_malformed(self) -> bool:
        """Whether there is a value, of the wrong kind."""
        return self.value is not None


@dataclass
class Annotations:
    """What an annotation file in COCO's format says.

    Attributes:
        path: of the file.
        has_bom: whether it starts with a byte order mark.
        categories: ids and names, in the order of the file.
        image_ids: in the order of the file.
        file_names: of the images, or their URLs.
        sizes: (images, 2) width and height in pixels; NaN where missing.
        boxes: (boxes, 4) as written: x, y, width, height; NaN if malformed.
        areas: (boxes,) as written; NaN where missing.
        ignored: (boxes,) whether a box is marked with ``ignore``.
        crowds: (boxes,) whether a box is marked with ``iscrowd``.
        masked: (boxes,) whether a box has a segmentation.
        masks: what these are.
        box_ids, box_images, box_categories: ids as written, a list each;
            None for a malformed one.
        faults: what entries lack, or have malformed.
        sections: keys at the top of the file.
    """

    path: str
    has_bom: bool = False
    categories: list[tuple[Hashable, str]] = field(default_factory=list)
    image_ids: list[Hashable] = field(default_factory=list)
    file_names: list[str] = field(default_factory=list)
    sizes: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    boxes: np.ndarray = field(default_factory=lambda: np.empty((0, 4)))
    areas: np.ndarray = field(default_factory=lambda: np.empty(0))
    ignored: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    crowds: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    masked: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    masks: Masks = field(default_factory=Masks)
    box_ids: list[Hashable] = field(default_factory=list)
    box_images: list[Hashable] = field(default_factory=list)
    box_categories: list[Hashable] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    sections: set[str] = field(default_factory=set)

    @property
    def names(self) -> list[str]:
        """Names of the categories, in the order of the file."""
        return [name for _, name in self.categories]

    @cached_property
    def box_sizes(self) -> np.ndarray:
        """(boxes, 2) width and height of the image that each box is of.

        NaN where the image is not in the file.
        """
        rows = {image: row for row, image in enumerate(self.image_ids)}
        # The last row stands for images that are not there.
        known = np.vstack([self.sizes, np.full((1, 2), np.nan)])
        found = (rows.get(image, -1) for image in self.box_images)
        count = len(self.box_images)
        return known[np.fromiter(found, np.int64, count)]

    def box_labels(self, names: tuple[str, ...]) -> np.ndarray:
        """(boxes,) index in ``names`` of the category of each box, or -1."""
        labels = {name: label for label, name in enumerate(names)}
        of = {key: labels.get(name, -1) for key, name in self.categories}
        found = (of.get(key, -1) for key in self.box_categories)
        return np.fromiter(found, np.int64, len(self.box_categories))
