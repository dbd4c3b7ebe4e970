"""Fresh random inputs, with the seed in the report of a failure."""

import random

import numpy as np
import pytest
from PIL import Image

import cds_mm.registration  # noqa: F401


@pytest.fixture
def rng():
    seed = random.SystemRandom().randrange(2**32)
    print(f'seed of the inputs: {seed}')
    return np.random.default_rng(seed)


@pytest.fixture
def image(rng):
    """Smooth colours and noise, RGB uint8 of a random size."""
    height, width = rng.integers(40, 90, 2)
    small = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    smooth = np.array(Image.fromarray(small).resize((width, height)))
    noise = rng.integers(-20, 21, smooth.shape)
    return (smooth.astype(int) + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture
def image_folder(tmp_path, rng):
    """Makes root/<class>/<number>.png with random pixels."""

    def make(root, sizes: dict[str, int], side=40):
        for name, count in sizes.items():
            (tmp_path / root / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
                path = tmp_path / root / name / f'{number}.png'
                Image.fromarray(pixels).save(path)
        return str(tmp_path / root)

    return make
