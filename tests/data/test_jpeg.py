"""JPEG files: Pillow's pixels, from another decoder."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cds_mm.data.jpeg import decode_jpeg
from cds_mm.data.loading import read_rgb

SAMPLES = Path(__file__).parents[2] / 'data' / 'imagenet_sample'


def encoded(image, **options):
    stream = io.BytesIO()
    image.save(stream, 'JPEG', **options)
    return stream.getvalue()


def smooth(rng, height, width):
    """A random picture without noise, which a decoder may round anyhow."""
    small = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.BICUBIC)


def pillow(data):
    return np.array(Image.open(io.BytesIO(data)).convert('RGB'))


@pytest.mark.parametrize('subsampling', ['4:4:4', '4:2:2', '4:2:0'])
@pytest.mark.parametrize('progressive', [False, True])
def test_pixels_are_pillows(rng, subsampling, progressive):
    height, width = rng.integers(20, 90, 2)
    data = encoded(
        smooth(rng, height, width),
        quality=int(rng.integers(60, 99)),
        subsampling=subsampling,
        progressive=progressive,
    )
    np.testing.assert_array_equal(decode_jpeg(data), pillow(data))


def test_grey_becomes_three_equal_channels(rng):
    data = encoded(smooth(rng, 33, 41).convert('L'))
    np.testing.assert_array_equal(decode_jpeg(data), pillow(data))


@pytest.mark.skipif(not SAMPLES.is_dir(), reason='no ImageNet sample here')
def test_pixels_of_real_files_are_pillows():
    files = sorted(SAMPLES.rglob('*.JPEG'))[::8]
    decoded = [decode_jpeg(file.read_bytes()) for file in files]
    assert sum(image is not None for image in decoded) > len(files) / 2
    for file, image in zip(files, decoded, strict=True):
        if image is not None:
            np.testing.assert_array_equal(image, pillow(file.read_bytes()))


def test_what_has_to_be_looked_at_is_left_to_pillow(rng, monkeypatch):
    image = smooth(rng, 32, 48)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(image, exif=exif)
    assert decode_jpeg(turned) is None
    assert decode_jpeg(encoded(image.convert('CMYK'))) is None
    plain = encoded(image)
    assert decode_jpeg(plain[: len(plain) // 2]) is None
    assert decode_jpeg(plain[:3]) is None
    assert decode_jpeg(b'\x89PNG') is None
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    assert decode_jpeg(plain) is None


def test_exif_that_does_not_turn_is_no_reason(rng):
    exif = Image.Exif()
    exif[0x010E] = 'a description'
    data = encoded(smooth(rng, 32, 48), exif=exif)
    np.testing.assert_array_equal(decode_jpeg(data), pillow(data))


def test_a_turned_file_comes_upright(rng, tmp_path):
    image = smooth(rng, 32, 48)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / 'turned.jpg'
    path.write_bytes(encoded(image, exif=exif))
    assert read_rgb(str(path)).shape == (48, 32, 3)


@pytest.mark.parametrize(
    ('keep', 'shrink'),
    [(None, 1), (40000, 1), (29000, 2), (7400, 4), (1000, 8)],
)
def test_smaller_scales_keep_as_many_pixels_as_asked(rng, keep, shrink):
    image = smooth(rng, 267, 445)
    got = decode_jpeg(encoded(image, quality=95), keep)
    height, width = -(-267 // shrink), -(-445 // shrink)
    assert got.shape == (height, width, 3)
    assert keep is None or height * width >= keep
    # The same picture: a mean of what the larger one has.
    wanted = np.array(image.resize((width, height), Image.BOX)).astype(int)
    assert np.abs(got - wanted).mean() < 6
