"""Batches in which every anchor has partners of its own class."""

import heapq
import math
from collections.abc import Iterator

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from cds_mm.arguments import Count, checked
from cds_mm.data.labels import dataset_labels
from cds_mm.errors import UserError


@DATA_SAMPLERS.register_module()
class MPerClassSampler(Sampler):
    """Yield m images of each of P classes for every batch (PK sampling).

    With 32 images on a GPU and 1,000 classes, 97 % of the anchors find no
    other image of their class in a shuffled batch, and supervised contrast
    has next to no positives but the other view.  Here a batch of P * m images
    holds m of each of P distinct classes, on every rank.

    An epoch is a function of (seed, epoch).  It deals the images of each
    class out in groups of m and takes classes with the most groups left
    first, so every image comes about once.  Two things bend that: a class
    with more than 1/P of all images cannot be placed in full, since a batch
    takes it once; and drawn-again images fill groups and batches that are not
    full.  Unlabelled images (-1) are left out.

    Args:
        dataset: a data set with one label for each image.
        images_per_class (int): m.
        batch_size (int): P * m, equal to the batch size of the dataloader.
        seed (int, optional): the same on all ranks. Defaults to None, which
            draws one and shares it.

    Raises:
        UserError: the batch is no multiple of m, or there are fewer than P
            classes.
    """

    @checked
    def __init__(
        self,
        dataset: BaseDataset,
        images_per_class: int,
        batch_size: Count,
        seed: int | None = None,
    ):
        self.rank, self.world_size = get_dist_info()
        self.images_per_class = images_per_class
        self.batch_size = batch_size
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        if images_per_class < 1 or batch_size % images_per_class:
            raise UserError(
                f'MPerClassSampler: batch_size={batch_size} is no multiple '
                f'of images_per_class={images_per_class}; change one of them'
            )
        self.classes_per_batch = batch_size // images_per_class
        labels = dataset_labels(dataset)
        self._members = [
            np.flatnonzero(labels == label)
            for label in np.unique(labels[labels >= 0])
        ]
        if len(self._members) < self.classes_per_batch:
            raise UserError(
                f'MPerClassSampler: a batch needs {self.classes_per_batch} '
                f'classes and the data set has {len(self._members)}; raise '
                'images_per_class or lower batch_size'
            )
        groups = sum(
            math.ceil(len(members) / images_per_class)
            for members in self._members
        )
        batches = math.ceil(groups / self.classes_per_batch)
        self._batches_per_rank = math.ceil(batches / self.world_size)

    def __len__(self) -> int:
        """Number of images that this rank sees in an epoch."""
        return self._batches_per_rank * self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that the next iteration deals out."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """Iterate over the indices of this rank, batch after batch."""
        # Every rank deals out the same epoch and keeps its share of it.
        rng = np.random.default_rng((self.seed, self.epoch))
        batches = self._deal(rng)
        # Large classes come first in the deal: spread them over the epoch.
        order = rng.permutation(len(batches))
        for number in order[self.rank :: self.world_size]:
            yield from np.concatenate(batches[number]).tolist()

    def _deal(self, rng) -> list[list[np.ndarray]]:
        groups = [self._groups(members, rng) for members in self._members]
        left = [
            (-len(of_class), rng.random(), number)
            for number, of_class in enumerate(groups)
        ]
        heapq.heapify(left)
        batches = []
        for _ in range(self._batches_per_rank * self.world_size):
            chosen = [
                heapq.heappop(left)[-1] for _ in range(self.classes_per_batch)
            ]
            batches.append([self._next(groups, n, rng) for n in chosen])
            for number in chosen:
                entry = (-len(groups[number]), rng.random(), number)
                heapq.heappush(left, entry)
        return batches

    def _next(self, groups, number: int, rng) -> np.ndarray:
        if groups[number]:
            return groups[number].pop()
        members = self._members[number]
        return _fill(members[:0], members, self.images_per_class, rng)

    def _groups(self, members: np.ndarray, rng) -> list[np.ndarray]:
        m = self.images_per_class
        shuffled = rng.permutation(members)
        groups = [shuffled[i : i + m] for i in range(0, len(shuffled), m)]
        groups[-1] = _fill(groups[-1], members, m, rng)
        return groups


def _fill(group, members, size: int, rng) -> np.ndarray:
    """Draw members into a group until it is full, repeats as few as can be."""
    while len(group) < size:
        others = np.setdiff1d(members, group)
        pool = others if len(others) else members
        extra = rng.permutation(pool)[: size - len(group)]
        group = np.concatenate([group, extra])
    return group
