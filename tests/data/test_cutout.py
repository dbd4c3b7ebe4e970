import numpy as np
import torch
from scipy.stats import chisquare

from cds_mm.data import ClippedCutout


def hole(size, height, width):
    """The blanked box as (top, bottom, left, right)."""
    image = np.full((height, width, 3), 200, np.uint8)
    out = ClippedCutout(size=size)({'img': image})['img']
    assert (image == 200).all(), 'the input must stay as it is'
    black = (out == 0).all(-1)
    assert ((out == 200).all(-1) | black).all()
    rows, columns = np.flatnonzero(black.any(1)), np.flatnonzero(black.any(0))
    assert black.sum() == len(rows) * len(columns), 'one full box'
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def test_box_is_clipped_on_both_sides(rng):
    torch.manual_seed(int(rng.integers(2**31)))
    boxes = np.array([hole(16, 32, 32) for _ in range(6000)])
    for start, stop in (boxes[:, :2].T, boxes[:, 2:].T):
        # Every centre c in 0..31 once in 32: [max(c-8, 0), min(c+8, 32)).
        centres = np.where(start == 0, stop - 8, start + 8)
        assert np.array_equal(start, np.maximum(centres - 8, 0))
        assert np.array_equal(stop, np.minimum(centres + 8, 32))
        counts = np.bincount(centres, minlength=32)
        assert len(counts) == 32
        assert chisquare(counts).pvalue > 1e-8


def test_hole_covers_a_small_image_whole():
    assert hole(64, 9, 12) == (0, 9, 0, 12)
