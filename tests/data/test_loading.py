import io

import cv2
import numpy as np
import pytest
import torch
from mmpretrain.datasets import CustomDataset
from PIL import Image
from torch.utils.data import DataLoader

from cds_mm.data import LoadRGBImage, read_rgb
from cds_mm.data.seeding import seed_fetches
from cds_mm.errors import UserError


def saved(path, array, mode=None, **options):
    Image.fromarray(array, mode).save(path, **options)
    return str(path)


def encoded(array, format, **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format, **options)
    return buffer.getvalue()


def test_png_comes_back_as_rgb(image, tmp_path):
    path = saved(tmp_path / 'x.png', image)
    results = LoadRGBImage()({'img_path': path})
    assert np.array_equal(results['img'], image)
    assert results['img'].flags.writeable
    assert results['img_shape'] == results['ori_shape'] == image.shape[:2]


def test_jpeg_equals_opencv(image, tmp_path):
    path = saved(tmp_path / 'x.jpg', image, quality=90)
    wanted = cv2.imread(path, cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(read_rgb(path).astype(int) - wanted).max() <= 1


def test_other_modes_become_rgb(image, tmp_path):
    grey = np.ascontiguousarray(image[..., 0])
    path = saved(tmp_path / 'grey.png', grey)
    assert np.array_equal(read_rgb(path), np.dstack([grey] * 3))
    alpha = np.dstack([image, grey])
    path = saved(tmp_path / 'alpha.png', alpha)
    assert np.array_equal(read_rgb(path), image)
    deep = grey.astype(np.uint16) * 256 + 77
    assert cv2.imwrite(str(tmp_path / 'deep.png'), deep)
    deep = read_rgb(str(tmp_path / 'deep.png'))
    assert np.array_equal(deep, np.dstack([grey] * 3))
    deep = image.astype(np.uint16) * 256 + 200
    assert cv2.imwrite(str(tmp_path / 'deep3.png'), deep[..., ::-1])
    assert np.array_equal(read_rgb(str(tmp_path / 'deep3.png')), image)
    Image.fromarray(image).convert('CMYK').save(tmp_path / 'cmyk.tif')
    got = read_rgb(str(tmp_path / 'cmyk.tif')).astype(int)
    assert np.abs(got - image).max() <= 1
    palette = Image.fromarray(image).quantize(64)
    palette.save(tmp_path / 'palette.png')
    got = read_rgb(str(tmp_path / 'palette.png'))
    assert np.array_equal(got, np.array(palette.convert('RGB')))


@pytest.mark.parametrize('orientation', range(1, 9))
def test_exif_orientation_as_opencv(orientation, image, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / 'x.jpg', image, exif=exif, quality=95)
    got = read_rgb(path)
    wanted = cv2.imread(path, cv2.IMREAD_COLOR)[..., ::-1]
    assert got.shape == wanted.shape
    assert np.abs(got.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize('format', ['JPEG', 'PNG'])
def test_truncation_at_any_place_is_an_error(format, image, tmp_path, rng):
    data = encoded(image, format)
    path = tmp_path / 'x'
    path.write_bytes(data)
    read_rgb(str(path))
    # From nothing up to the last bytes before the end marker.
    cuts = [0, 1, 10, len(data) - 30, *rng.integers(0, len(data) - 30, 12)]
    for cut in cuts:
        path.write_bytes(data[:cut])
        with pytest.raises(UserError) as error:
            read_rgb(str(path))
        message = str(error.value)
        assert message.startswith(f'{path}: ') and '\n' not in message


def test_other_bad_files_are_named(tmp_path):
    text = tmp_path / 'x.jpg'
    text.write_text('not an image')
    with pytest.raises(UserError, match=f'{text}.*no known format'):
        read_rgb(str(text))
    with pytest.raises(UserError, match='gone.jpg.*No such file'):
        read_rgb(str(tmp_path / 'gone.jpg'))
    floats = tmp_path / 'x.tif'
    Image.fromarray(np.ones((4, 4), np.float32)).save(floats)
    with pytest.raises(UserError, match='floating-point'):
        read_rgb(str(floats))


def test_an_array_stays(image):
    results = LoadRGBImage()({'img': image})
    assert results['img'] is image
    assert results['img_shape'] == image.shape[:2]


def test_unknown_on_error():
    with pytest.raises(UserError, match="on_error='ignore'"):
        LoadRGBImage(on_error='ignore')


@pytest.mark.parametrize('workers', [0, 1, 3])
def test_skipped_files_are_counted_exactly(workers, image_folder, tmp_path):
    root = image_folder('x', {'a': 12})
    broken = [1, 2, 7]
    names = sorted(tmp_path.glob('x/a/*'))
    for number in broken:
        names[number].write_bytes(names[number].read_bytes()[:-60])
    load = LoadRGBImage(on_error='skip')
    dataset = CustomDataset(
        data_root=root,
        with_label=False,
        pipeline=[load, lambda r: torch.tensor(r['sample_idx'])],
    )
    seed_fetches(dataset, 3)
    loader = DataLoader(dataset, batch_size=2, num_workers=workers)
    seen = [torch.cat(list(loader)).tolist() for _ in range(2)]
    # The substitute of a sample is a function of the sample's seed.
    assert seen[0] == seen[1]
    assert not set(seen[0]) & set(broken)
    kept = [i for i in range(12) if i not in broken]
    assert [seen[0][i] for i in kept] == kept
    # Substitutes can be broken too, the same ones in both epochs.
    count = load.skipped_count()
    assert count >= 6 and count % 2 == 0
    alone = LoadRGBImage(on_error='skip')
    dataset.pipeline.transforms[0] = alone
    list(DataLoader(dataset, batch_size=12))
    assert alone.skipped_count() * 2 == count


def test_workers_pass_the_error_on(image_folder, tmp_path):
    root = image_folder('x', {'a': 2})
    path = tmp_path / 'x' / 'a' / '1.png'
    path.write_bytes(b'')
    dataset = CustomDataset(
        data_root=root, with_label=False, pipeline=[LoadRGBImage(), _number]
    )
    iterator = iter(DataLoader(dataset, num_workers=1))
    next(iterator)
    with pytest.raises(UserError, match=str(path)):
        next(iterator)
    # The traceback keeps it alive otherwise.
    iterator._shutdown_workers()


def _number(results):
    return torch.tensor(results['sample_idx'])
