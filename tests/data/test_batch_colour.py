"""Colours of batches against torchvision's, on float64 tensors."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torchvision.transforms import ColorJitter
from torchvision.transforms.v2 import functional as F

from cds_mm.data import (
    Draws,
    RGBColorJitter,
    RGBGrayscale,
    colour_tensors,
)
from cds_mm.testing import fresh_generator

JITTER = dict(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
# Of grey levels: a hundredth of what counts, and far above float32's error.
LEVEL = 0.01
SIDES = [8, 96]  # gathered in groups, and one by one


@pytest.fixture
def generator():
    return fresh_generator()


def images(count, side, generator):
    """Random, with grey, black, white and pure colours among the pixels."""
    size = (count, 3, side, side)
    batch = torch.randint(256, size, generator=generator).float()
    batch[:, :, 0, 0] = batch[:, :1, 0, 0]
    batch[:, :, 0, 1], batch[:, :, 0, 2] = 0, 255
    for pixel in range(6):
        high = torch.tensor([bool(pixel + 1 & 1 << c) for c in range(3)])
        batch[:, :, 1, pixel] = 255.0 * high
    return batch


def keys(count, generator):
    return torch.randint(2**62, (count,), generator=generator)


@pytest.mark.parametrize(
    'name', ['brightness', 'contrast', 'saturation', 'hue']
)
def test_each_operation_is_that_of_torchvision(name, generator):
    batch = images(16, 32, generator)
    span = 0.5 if name == 'hue' else 1.0
    values = (2 * torch.rand(16, generator=generator) - 1) * span
    values += name != 'hue'
    adjust = getattr(colour_tensors, f'adjust_{name}')
    got = adjust(batch.clone(), values[:, None, None, None])
    wanted = [
        getattr(F, f'adjust_{name}')(image.double() / 255, float(value)) * 255
        for image, value in zip(batch, values, strict=True)
    ]
    assert (got - torch.stack(wanted)).abs().max() < LEVEL


def test_luma_is_that_of_torchvision(generator):
    batch = images(4, 16, generator)
    wanted = F.rgb_to_grayscale(batch.double())
    assert (colour_tensors.luma(batch) - wanted).abs().max() < LEVEL


@pytest.mark.parametrize('side', SIDES)
def test_jitter_is_torchvision_with_the_parameters_drawn(side, generator):
    batch, some = images(12, side, generator), keys(12, generator)
    jitter = RGBColorJitter(**JITTER, prob=0.8)
    got = jitter.on_batch(batch.clone(), Draws(some))
    draws = Draws(some)
    happens = draws.happens(0.8)
    order, share = draws.uniform(4).argsort(1), draws.uniform(4)
    spans = [(0.6, 1.4)] * 3 + [(-0.1, 0.1)]
    for row, image in enumerate(batch):
        wanted = image.double() / 255
        for number in order[row] if happens[row] else ():
            low, high = spans[number]
            factor = low + (high - low) * share[row, number]
            wanted = getattr(F, f'adjust_{list(JITTER)[number]}')(
                wanted, float(factor)
            )
        assert (got[row] - 255 * wanted).abs().max() < LEVEL


@pytest.mark.parametrize('side', SIDES)
def test_grayscale_changes_whole_images_with_its_probability(side, generator):
    batch, some = images(40, side, generator), keys(40, generator)
    got = RGBGrayscale(prob=0.5).on_batch(batch.clone(), Draws(some))
    grey = Draws(some).happens(0.5)
    wanted = F.rgb_to_grayscale(batch.double(), 3)
    assert (got[grey] - wanted[grey]).abs().max() < LEVEL
    assert torch.equal(got[~grey], batch[~grey])


def test_uint8_becomes_float_and_is_left_as_it_was(generator):
    batch = images(4, 8, generator).to(torch.uint8)
    before = batch.clone()
    got = RGBColorJitter(**JITTER).on_batch(batch, Draws(keys(4, generator)))
    assert got.dtype == torch.float32 and torch.equal(batch, before)


def test_parameters_have_the_distribution_of_torchvision():
    # Fixed seeds: a test of distribution would fail by chance at any limit.
    torch.manual_seed(0)
    theirs = [
        ColorJitter.get_params((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1))
        for _ in range(2000)
    ]
    jitter = RGBColorJitter(**JITTER)
    _, order, factors = jitter.parameters(Draws(torch.arange(2000)))
    for number, ours in enumerate(factors.T):
        other = np.array([float(params[1 + number]) for params in theirs])
        assert kstest(ours, other).pvalue > 1e-3
    # Each of the 24 orders about as often: 83 times, give or take 9.
    for orders in (order.tolist(), [p[0].tolist() for p in theirs]):
        _, counts = np.unique(orders, axis=0, return_counts=True)
        assert len(counts) == 24 and counts.min() > 40


def test_an_operation_with_no_range_is_not_done(generator):
    batch = images(8, 8, generator)
    jitter = RGBColorJitter(brightness=0.0, prob=1.0)
    got = jitter.on_batch(batch.clone(), Draws(keys(8, generator)))
    assert torch.equal(got, batch)


def test_gray_black_and_white_survive_the_hue(generator):
    grey = torch.tensor([0.0, 128.0, 255.0])[:, None, None, None]
    batch = grey.expand(3, 3, 4, 4).clone()
    turns = torch.rand(3, 1, 1, 1, generator=generator) - 0.5
    assert torch.equal(colour_tensors.adjust_hue(batch.clone(), turns), batch)
