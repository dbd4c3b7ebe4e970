"""Random numbers for a whole batch, each sample's from its own key."""

import numpy as np
import torch
from torch import Tensor

# SplitMix64 (Steele et al., "Fast splittable pseudorandom number generators",
# OOPSLA 2014): the state moves on by the odd constant, and is mixed.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
# Numbers that a view may use before it would meet those of the next.
_PER_VIEW = 2**20


class Draws:
    """Uniform numbers as a function of (key, view, place).

    A counter-based generator: numbers of a sample depend neither on the rest
    of the batch nor on the device.

    Args:
        keys: (B,) int64, one for each sample, e.g. a hash of (seed, epoch,
            sample).
        view: which of the sample's views they are for.
    """

    def __init__(self, keys: Tensor, view: int = 0):
        self._keys = keys.cpu().numpy().astype(np.uint64)
        self._used = view * _PER_VIEW

    def __len__(self) -> int:
        return len(self._keys)

    def keys(self) -> Tensor:
        """Keys (B,) int64 with which other draws go on from here."""
        states = self._keys + _STEP * np.array([self._used], np.uint64)
        return torch.from_numpy(states.astype(np.int64))

    def view(self, number: int) -> 'Draws':
        """The draws of a view, whose transforms come after those so far."""
        return Draws(self.keys(), number)

    def uniform(self, count: int) -> np.ndarray:
        """The next numbers of each sample: (B, count) float64 in [0, 1)."""
        places = np.arange(self._used + 1, self._used + count + 1)
        self._used += count
        bits = _mixed(
            self._keys[:, None] + _STEP * places.astype(np.uint64)[None]
        )
        return (bits >> np.uint64(11)) * 2.0**-53

    def integers(self, bound: int) -> np.ndarray:
        """The next number of each sample: (B,) int64 in [0, bound)."""
        return (self.uniform(1)[:, 0] * bound).astype(np.int64)

    def happens(self, prob: float) -> np.ndarray:
        """Whether something of this probability happens: (B,) bool."""
        return self.uniform(1)[:, 0] < prob


def _mixed(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
