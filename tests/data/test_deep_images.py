"""16- and 32-bit images: their values, and the setting that scales them."""

import logging

import cv2
import numpy as np
import pytest
from mmpretrain.registry import DATASETS
from PIL import Image

from cds_mm.data import read_rgb
from cds_mm.data.deep_images import deep_values, missed_range, white_of
from cds_mm.engine.data_warnings import warn_of_deep_images
from cds_mm.errors import UserError
from cds_mm.run_warnings import forget_warnings, warnings_so_far


@pytest.fixture
def folder_of(tmp_path):
    def write(values, suffix='.png', count=3):
        folder = tmp_path / 'a'
        folder.mkdir(exist_ok=True)
        for number in range(count):
            path = folder / f'{number}{suffix}'
            if suffix == '.png':
                shown = values[..., ::-1] if values.ndim == 3 else values
                assert cv2.imwrite(str(path), shown)
            else:
                Image.fromarray(values).save(path)
        return path

    return write


def dataset(root, **load):
    return DATASETS.build(
        dict(
            type='ClassFolder',
            data_root=str(root),
            pipeline=[dict(type='LoadRGBImage', **load)],
        )
    )


def warned(data):
    forget_warnings()
    warn_of_deep_images(data, 'train', logging.getLogger('deep'))
    return ' '.join(warnings_so_far())


@pytest.fixture
def camera(rng):
    """12 bits, in grey and in colour; some pixel is white."""
    values = rng.integers(0, 4096, (6, 5, 3), dtype=np.uint16)
    values[0, 0] = 4095
    return values


@pytest.mark.parametrize('colour', [False, True])
def test_a_camera_of_12_bits(camera, colour, folder_of, tmp_path):
    values = camera if colour else np.ascontiguousarray(camera[..., 0])
    path = folder_of(values)
    assert read_rgb(path).max() == 15, 'the high byte alone'
    said = warned(dataset(tmp_path))
    assert 'the largest of 3 such images is 4095' in said
    assert 'come out nearly black; set ' in said
    key, _, white = said.partition('set ')[2].partition(',')[0].rpartition('=')
    assert key == 'train_dataloader.dataset.pipeline.0.white'
    data = dataset(tmp_path, white=int(white))
    assert not warned(data)
    pixels = data[0]['img']
    assert pixels.dtype == np.uint8 and pixels.shape == (6, 5, 3)
    wanted = values if colour else np.dstack([values] * 3)
    assert np.abs(pixels - wanted / 4095 * 255).max() <= 0.5 + 1e-9
    assert pixels.max() == 255


@pytest.mark.parametrize('colour', [False, True])
def test_a_camera_of_12_bits_in_detection(camera, colour, folder_of, tmp_path):
    values = camera if colour else np.ascontiguousarray(camera[..., 0])
    path = folder_of(values)

    def data(**load):
        return DATASETS.build(
            dict(type='ClassFolder', data_root=str(tmp_path), pipeline=[load])
        )

    host = dict(type='LoadImageFromFile')
    assert data(**host)[0]['img'].max() == 15, 'the high byte alone'
    said = warned(data(**host))
    key = 'train_dataloader.dataset.pipeline.0'
    assert f'set {key}.type=cds_mm.LoadBGRImage {key}.white=4095, and' in said
    ours = data(type='cds_mm.LoadBGRImage', white=4095)
    assert not warned(ours)
    pixels = ours[0]['img']
    wanted = values[..., ::-1] if colour else np.dstack([values] * 3)
    assert np.abs(pixels - wanted / 4095 * 255).max() <= 0.5 + 1e-9
    assert ours[0]['ori_shape'] == (6, 5)
    same = data(type='cds_mm.LoadBGRImage')[0]['img']
    assert np.array_equal(same, data(**host)[0]['img']), path


def test_whole_range_and_8_bits_say_nothing(rng, folder_of, tmp_path, image):
    folder_of(rng.integers(0, 65536, (6, 5), dtype=np.uint16))
    assert not warned(dataset(tmp_path))
    path = folder_of(image)
    assert not warned(dataset(tmp_path))
    assert deep_values(path.read_bytes()) is None
    with_white = dataset(tmp_path, white=4095)[0]['img']
    assert np.array_equal(with_white, image), '8 bits stay as they are'


def test_32_bits(rng, folder_of, tmp_path):
    values = rng.integers(0, 2**20, (6, 5)).astype(np.int32)
    values[0, 0] = 2**20 - 1
    folder_of(values, '.tif')
    said = warned(dataset(tmp_path))
    assert 'come out white' in said and f'white={2**20 - 1}' in said
    pixels = dataset(tmp_path, white=2**20 - 1)[0]['img']
    wanted = np.rint(values * (255 / (2**20 - 1)))
    assert np.array_equal(pixels[..., 1], wanted)


def test_floating_point_numbers(rng, folder_of, tmp_path):
    values = rng.random((6, 5)).astype(np.float32)
    path = folder_of(values, '.tif')
    with pytest.raises(UserError, match='floating-point.*white=1'):
        read_rgb(path)
    pixels = read_rgb(path, white=1)
    assert np.array_equal(pixels[..., 2], np.rint(values * 255.0))


def test_limits():
    assert white_of(4095) == 4095 and white_of(4096) == 8191
    assert white_of(100) == 255
    assert missed_range(16383) and not missed_range(30000)
    with pytest.raises(UserError, match='white=0: must be a number above 0'):
        dataset('.', white=0)
