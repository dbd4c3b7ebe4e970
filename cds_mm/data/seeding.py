"""Randomness as a function of (seed, epoch or iteration, sample, view).

Augmentations of the hosts draw from Python's, NumPy's and PyTorch's global
generators.  All three are seeded before every sample, so that a picture
depends neither on the number of workers nor on what was drawn before it: a
resumed run sees the pictures that the straight run would have seen.

Operations of this package (:class:`cds_mm.data.ImageOperation`) draw from a
sample's key instead, in the loader or on the device; the loader hands on where
it has stopped.
"""

import contextlib
import hashlib
import random
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, get_worker_info

from cds_mm.data.draws import Draws

# Of a sample's dict, where its draws on the device are to come from.
DRAW_KEY = 'draw_key'

_KEYS = 2**62


def seed_generators(*key: int) -> None:
    """Seed the CPU generators from a well-mixed hash of integers.

    PyTorch's CUDA generators stay as they are: augmentation happens on the
    CPU, and dropout must not depend on how the data is loaded.

    Args:
        *key: any number of integers of up to 64 bits.
    """
    for_python, for_torch, for_numpy = _mixed(key)
    random.seed(for_python)
    np.random.seed(for_numpy)
    torch.default_generator.manual_seed(for_torch)


# A hash of Python integers, which Dynamo cannot trace.
@torch.compiler.disable
def seeded_generator(device: torch.device, *key: int) -> torch.Generator:
    """A generator of its own, from the same hash.

    Args:
        device: what it draws on.
        *key: any number of integers of up to 64 bits.
    """
    _, for_torch, _ = _mixed(key)
    return torch.Generator(device).manual_seed(for_torch)


@torch.compiler.disable
def hashed(*key: int) -> int:
    """A hash of integers of up to 64 bits: an integer in [0, 2**63)."""
    return _mixed(key)[0] >> 1


def _mixed(key):
    packed = struct.pack(f'<{len(key)}q', *key)
    digest = hashlib.blake2b(packed, digest_size=20).digest()
    return struct.unpack('<QQI', digest)


class SampleDraws:
    """Where the draws of one sample stand while it is made.

    Args:
        *key: what identifies the draw: seed, epoch, sample.
    """

    def __init__(self, *key: int):
        self.key = key
        # Made when first asked for: many loaders leave all to the device.
        self._now: Draws | None = None
        self._shared: Draws | None = None
        self._views: list[Draws] = []

    @property
    def now(self) -> Draws:
        """The draws of whatever is done next."""
        if self._now is None:
            self._now = Draws(torch.tensor([hashed(*self.key)]))
        return self._now

    def start_view(self, number: int) -> None:
        """Draw for a view from here on; each follows what all share."""
        if number == 0 or self._shared is None:
            self._shared, self._views = self.now, []
        self._now = self._shared.view(number)
        self._views.append(self._now)

    def left(self) -> int | torch.Tensor:
        """The key with which the device goes on; (V,) for V views."""
        if self._now is None:
            return hashed(*self.key)
        if not self._views:
            return int(self._now.keys())
        return torch.cat([view.keys() for view in self._views])


_sample: SampleDraws | None = None


@contextlib.contextmanager
def sample_seed(*key: int) -> Iterator[SampleDraws]:
    """Seed for one sample, whose first view starts here.

    Args:
        *key: what identifies the draw: seed, epoch, sample.

    Yields:
        SampleDraws: its keyed draws.
    """
    global _sample
    _sample = SampleDraws(*key)
    seed_generators(*key, 0)
    try:
        yield _sample
    finally:
        _sample = None


def seed_view(view: int, first_seed: int = 0) -> None:
    """Seed for one view of the current sample; nothing outside of one.

    View 0 starts where a recipe of one view starts: with the same seed, epoch
    and sample both draw the same picture.

    Args:
        view: its number.
        first_seed: of the views' seeds, for the global generators.
    """
    if _sample is not None:
        seed_generators(*_sample.key, first_seed + view)
        _sample.start_view(view)


def current_draws() -> Draws:
    """The keyed draws of the sample that is being made.

    Outside of one, draws of a key from PyTorch's generator.
    """
    if _sample is not None:
        return _sample.now
    return Draws(torch.randint(_KEYS, (1,)))


class SeededFetch:
    """Fetches a batch of samples, each under its own seed.

    It serves any dataset and any pipeline, and it knows what a pipeline
    cannot know: the index that the sampler drew (in a RepeatDataset, one image
    has several), and the number of the batch.

    Args:
        dataset: the outermost dataset.
        seed: the seed of the run.
        first_batch: count batches from this one and let each be an epoch of
            its own; for loops by iteration, which have no epochs.  None
            takes the epoch from :meth:`set_epoch`.
        with_keys: put an integer into each sample's dict, as ``draw_key``,
            from which follows what is drawn for it on the device; (V,) int64,
            one for each view, if :class:`cds_mm.data.SeededMultiView` made
            V of them.
    """

    def __init__(
        self,
        dataset: Dataset,
        seed: int,
        first_batch: int | None = None,
        with_keys: bool = False,
    ):
        self.dataset = dataset
        self.seed = seed
        self.first_batch = first_batch
        self.with_keys = with_keys
        self.fetched = 0
        # Shared memory: persistent workers must see the epoch change.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch for this process and for workers already running."""
        self._epoch[0] = epoch

    def __call__(self, indices: Iterable[int]) -> list:
        epoch = self._current_epoch()
        self.fetched += 1
        return [self._sample(epoch, int(index)) for index in indices]

    def _current_epoch(self) -> int:
        if self.first_batch is None:
            return int(self._epoch[0])
        # The loader hands batches to its workers in turn.
        worker = get_worker_info()
        workers, mine = (worker.num_workers, worker.id) if worker else (1, 0)
        return self.first_batch + self.fetched * workers + mine

    def _sample(self, epoch: int, index: int):
        key = self.seed, epoch, index
        with sample_seed(*key) as draws:
            sample = self.dataset[index]
        if self.with_keys:
            sample[DRAW_KEY] = draws.left()
        return sample


def seed_fetches(
    dataset: Any,
    seed: int,
    first_batch: int | None = None,
    with_keys: bool = False,
) -> SeededFetch:
    """Let a loader fetch the samples of a dataset under their own seeds.

    PyTorch's loader asks a dataset that has ``__getitems__`` for a whole
    batch; it is set on this one dataset.  A wrapper around it would take what
    hooks of the hosts set on it (``PipelineSwitchHook`` sets ``pipeline``)
    and leave the dataset inside as it was.

    Args:
        dataset: the outermost dataset of a loader that has not begun.
        seed: the seed of the run.
        first_batch: as of :class:`SeededFetch`.
        with_keys: the same.

    Returns:
        SeededFetch: what needs to be told the epoch.
    """
    fetch = SeededFetch(dataset, seed, first_batch, with_keys)
    dataset.__getitems__ = fetch
    return fetch
