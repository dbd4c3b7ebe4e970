"""Whether weights fill a network."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor


class Fit(NamedTuple):
    """What of a network's state is there.

    Attributes:
        needed: keys that the weights have to have.
        missing: those of them that they lack.
        unexpected: keys of theirs that the network lacks.
        reshaped: keys of both whose shapes differ.
    """

    needed: list[str]
    missing: list[str]
    unexpected: list[str]
    reshaped: list[str]


def fit(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Fit:
    """Compare the state of a network with weights for it."""
    # Files of torch before 0.4.1 have no such counters; nothing reads them.
    needed = [k for k in wanted if not k.endswith('num_batches_tracked')]
    return Fit(
        needed,
        [key for key in needed if key not in given],
        [key for key in given if key not in wanted],
        [
            key
            for key, value in given.items()
            if key in wanted and value.shape != wanted[key].shape
        ],
    )
