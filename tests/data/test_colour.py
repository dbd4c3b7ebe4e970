import colorsys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from scipy.stats import kstest

from cds_mm.data import RGBColorJitter, RGBGrayscale, colour


def fixed_jitter(image, order, factors):
    """Jitter with given operations and factors instead of drawn ones."""
    jitter = RGBColorJitter(0.4, 0.4, 0.4, 0.1)
    drawn = [True], [order], [factors]
    jitter.parameters = lambda _: map(np.array, drawn)
    return jitter.on_image(image, None).astype(int)


def close(a, b, levels=1):
    return np.abs(np.asarray(a).astype(int) - np.asarray(b)).max() <= levels


def luma(image):
    return image @ np.array([0.299, 0.587, 0.114])


def test_brightness_contrast_saturation_by_formula(image, rng):
    factors = rng.uniform(0.6, 1.4, 3)
    b, c, s = factors
    wanted = image * b
    assert close(fixed_jitter(image, [0], (b, None, None, None)), clip(wanted))
    mean = luma(image.astype(float)).mean()
    wanted = mean + (image - mean) * c
    got = fixed_jitter(image, [1], (None, c, None, None))
    # The grey mean is rounded before it is mixed in.
    assert close(got, clip(wanted), 1.5)
    grey = luma(image.astype(float))[..., None]
    wanted = grey + (image - grey) * s
    got = fixed_jitter(image, [2], (None, None, s, None))
    assert close(got, clip(wanted), 1.5)


def clip(values):
    return np.clip(values, 0, 255)


@pytest.mark.parametrize('shift', [-0.1, -0.05, 0.05, 0.1])
def test_hue_turns_red_where_rgb_says(shift):
    # Read as BGR, red would be blue, and a turn would go the other way.
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    wanted = np.array(colorsys.hsv_to_rgb(shift % 1, 1, 1)) * 255
    got = fixed_jitter(red, [3], (None, None, None, shift))
    # Two of PIL's 256 steps of hue, six grey levels of a full colour each.
    assert close(got[0, 0], wanted, 12.5)


def test_hue_of_every_colour_wraps_around(image, rng):
    shift = rng.choice([-1, 1]) * rng.uniform(0.03, 0.1)
    got = fixed_jitter(image, [3], (None, None, None, shift))
    errors = []
    pairs = zip(image.reshape(-1, 3), got.reshape(-1, 3), strict=True)
    for pixel, turned in pairs:
        h, s, v = colorsys.rgb_to_hsv(*pixel / 255)
        wanted = np.array(colorsys.hsv_to_rgb((h + shift) % 1, s, v)) * 255
        errors.append(np.abs(wanted - turned).max())
    # Two steps of hue at the worst, see above, and one of saturation. A step
    # moves a channel of a pure colour by 6, and the shift itself, which is
    # cut to whole steps, may be almost one step short for all pixels.
    assert max(errors) < 16 and np.mean(errors) < 8


def test_operations_come_in_the_drawn_order(image):
    factors = (1.4, 0.6, 1.4, None)
    enhance = {
        0: lambda x: ImageEnhance.Brightness(x).enhance(1.4),
        1: lambda x: ImageEnhance.Contrast(x).enhance(0.6),
        2: lambda x: ImageEnhance.Color(x).enhance(1.4),
    }
    results = []
    for order in ([0, 1, 2], [2, 1, 0]):
        wanted = Image.fromarray(image)
        for step in order:
            wanted = enhance[step](wanted)
        got = fixed_jitter(image, order, factors)
        assert close(got, np.array(wanted))
        results.append(got)
    assert not np.array_equal(*results)


def test_factors_are_uniform_and_orders_equally_often(monkeypatch, rng):
    """As Pillow is given them, image by image."""
    names = ('brightness', 'contrast', 'saturation', 'hue')
    drawn = []

    def record(name):
        def adjust(picture, factor):
            drawn.append((name, factor))
            return picture

        return adjust

    for name in names:
        monkeypatch.setattr(colour.F, f'adjust_{name}', record(name))
    torch.manual_seed(int(rng.integers(2**31)))
    jitter = RGBColorJitter(0.4, 0.4, 0.4, 0.1, prob=1.0)
    pixel = np.full((1, 1, 3), 90, np.uint8)
    for _ in range(3000):
        jitter({'img': pixel})
    each = [drawn[i : i + 4] for i in range(0, len(drawn), 4)]
    assert len(each) == 3000
    _, counts = np.unique(
        [[name for name, _ in image] for image in each],
        axis=0,
        return_counts=True,
    )
    # 125 of each, give or take 11.
    assert len(counts) == 24 and counts.min() > 60
    for name, (low, high) in zip(
        names, [(0.6, 1.4)] * 3 + [(-0.1, 0.1)], strict=True
    ):
        factors = np.array([dict(image)[name] for image in each])
        scaled = (factors - low) / (high - low)
        assert scaled.min() >= 0 and scaled.max() <= 1
        assert kstest(scaled, 'uniform').pvalue > 1e-8


@pytest.mark.parametrize(
    'transform, prob',
    [
        (RGBColorJitter(0.4, 0.4, 0.4, 0.1, prob=0.8), 0.8),
        (RGBGrayscale(prob=0.2), 0.2),
    ],
)
def test_probability(transform, prob, rng):
    from cds_mm.data.seeding import seed_generators

    pixel = np.array([[[200, 90, 30]]], np.uint8)
    changed = 0
    start = int(rng.integers(2**31))
    for number in range(2000):
        seed_generators(start + number)
        changed += not np.array_equal(transform({'img': pixel})['img'], pixel)
    # Standard deviation 0.009; a jitter may leave one pixel as it is.
    assert changed / 2000 == pytest.approx(prob, abs=0.05)


def test_grayscale_weighs_red_as_red(image):
    grey = RGBGrayscale(prob=1.0)({'img': image})['img']
    assert grey.shape == image.shape and grey.dtype == np.uint8
    assert close(grey, luma(image.astype(float))[..., None], 0.51)
    pil = np.array(Image.fromarray(image).convert('L'))
    assert np.array_equal(grey, pil[..., None].repeat(3, 2))


def test_the_input_stays_as_it_is(image):
    before = image.copy()
    RGBGrayscale(prob=1.0)({'img': image})
    RGBColorJitter(0.4, 0.4, 0.4, 0.1)({'img': image})
    assert np.array_equal(image, before)
