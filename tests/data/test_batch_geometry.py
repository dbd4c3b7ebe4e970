"""Flip, crop and Cutout of batches against loops over single images."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from cds_mm.data import ClippedCutout, Draws, HorizontalFlip, PaddedCrop
from cds_mm.testing import fresh_generator

SIDES = [12, 96]  # gathered in groups, and one by one


@pytest.fixture
def generator():
    return fresh_generator()


def images(side, generator, count=10):
    size = (count, 3, side, side)
    return torch.randint(256, size, dtype=torch.uint8, generator=generator)


def keys(generator, count=10):
    return torch.randint(2**62, (count,), generator=generator)


@pytest.mark.parametrize('side', SIDES)
@pytest.mark.parametrize('memory', ['contiguous', 'channels_last'])
def test_flip(side, memory, generator):
    batch, some = images(side, generator), keys(generator)
    laid = getattr(torch, memory + '_format' * (memory == 'contiguous'))
    got = HorizontalFlip(0.5).on_batch(
        batch.clone(memory_format=laid), Draws(some)
    )
    for row, flips in enumerate(Draws(some).happens(0.5)):
        wanted = np.flip(batch[row].numpy(), 2) if flips else batch[row]
        np.testing.assert_array_equal(got[row], wanted)


def test_crop_takes_a_window_of_the_padded_image(generator):
    batch, some = images(12, generator), keys(generator)
    fill = (128, 3, 255)
    crop = PaddedCrop(10, padding=4, fill=fill)
    got = crop.on_batch(batch.clone(), Draws(some))
    draws = Draws(some)
    tops, lefts = draws.integers(11), draws.integers(11)
    for row in range(len(batch)):
        for y in range(10):
            for x in range(10):
                v, u = tops[row] + y - 4, lefts[row] + x - 4
                inside = 0 <= v < 12 and 0 <= u < 12
                wanted = batch[row, :, v, u].tolist() if inside else fill
                assert got[row, :, y, x].tolist() == list(wanted)


def test_crop_without_padding(generator):
    batch, some = images(12, generator), keys(generator)
    got = PaddedCrop(12).on_batch(batch.clone(), Draws(some))
    assert torch.equal(got, batch)


def test_cutout_blanks_a_clipped_square(generator):
    batch, some = images(32, generator), keys(generator)
    got = ClippedCutout(16, fill=7).on_batch(batch.clone(), Draws(some))
    draws = Draws(some)
    centres = list(zip(draws.integers(32), draws.integers(32), strict=True))
    for row, (y, x) in enumerate(centres):
        wanted = batch[row].clone()
        wanted[:, max(y - 8, 0) : y + 8, max(x - 8, 0) : x + 8] = 7
        assert torch.equal(got[row], wanted)


def test_holes_are_as_large_as_those_of_single_images():
    # Fixed seeds: a test of distribution would fail by chance at any limit.
    torch.manual_seed(0)
    white = np.full((32, 32, 3), 255, np.uint8)
    single = [
        (ClippedCutout(16)({'img': white})['img'] == 0)[..., 0].sum()
        for _ in range(2000)
    ]
    batch = torch.full((2000, 1, 32, 32), 255, dtype=torch.uint8)
    holes = ClippedCutout(16).on_batch(batch, Draws(torch.arange(2000)))
    together = (holes == 0).sum((1, 2, 3)).numpy()
    assert kstest(single, together).pvalue > 1e-3
