"""Random numbers of a batch: each sample's own, and uniform."""

import numpy as np
import torch
from scipy.stats import kstest

from cds_mm.data import Draws
from cds_mm.testing import fresh_generator

MASK = 2**64 - 1


def splitmix(key, place):
    """One number, in Python's integers."""
    state = (key + place * 0x9E3779B97F4A7C15) & MASK
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB & MASK
    return state ^ (state >> 31)


def keys(count):
    return torch.randint(2**62, (count,), generator=fresh_generator())


def test_numbers_are_splitmix_of_key_and_place():
    some = keys(5)
    drawn = Draws(some)
    first, second = drawn.uniform(2), drawn.uniform(3)
    for row, key in enumerate(some.tolist()):
        expected = [(splitmix(key, p) >> 11) / 2**53 for p in range(1, 6)]
        assert [*first[row], *second[row]] == expected


def test_the_published_first_numbers_of_splitmix():
    # Of the seed 1234567, as printed by the reference implementation.
    assert splitmix(1234567, 1) == 6457827717110365317
    assert splitmix(1234567, 2) == 3203168211198807973


def test_a_sample_draws_the_same_in_any_batch():
    some = keys(8)
    alone = Draws(some[3:4], view=1)
    together = Draws(some, view=1)
    for count in (1, 4):
        np.testing.assert_array_equal(
            alone.uniform(count)[0], together.uniform(count)[3]
        )


def test_views_draw_different_numbers():
    some = keys(8)
    first, second = (Draws(some, view).uniform(4) for view in (0, 1))
    assert not np.intersect1d(first, second).size


def test_numbers_of_keys_in_a_row_are_uniform_and_unrelated():
    # Fixed: a test of distribution would fail by chance with any limit.
    some = torch.arange(4000)
    numbers = Draws(some).uniform(3)
    for column in numbers.T:
        assert kstest(column, 'uniform').pvalue > 1e-3
    related = np.corrcoef(numbers.T) - np.eye(3)
    assert abs(related).max() < 0.06
    assert abs(np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]) < 0.06


def test_integers_and_chances_have_their_bounds():
    drawn = Draws(keys(1000))
    values = drawn.integers(9)
    assert values.min() >= 0 and values.max() <= 8
    assert drawn.happens(1.0).all() and not drawn.happens(0.0).any()
