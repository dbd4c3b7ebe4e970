"""Images that are broken, missing or turned, found in a scan."""

import os

import numpy as np
import pytest
from mmengine.dataset import BaseDataset
from PIL import Image

from cds_mm.coco.loading import LoadBGRImage
from cds_mm.data import LoadRGBImage
from cds_mm.data.image_cache import cache_folder
from cds_mm.data.image_scan import scan_images
from cds_mm.testing import fresh_seed


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('CDS_MM_CACHE', str(tmp_path / 'cache'))


@pytest.fixture
def pictures(tmp_path):
    """Eight JPEGs and PNGs of several sizes, by name."""
    rng = np.random.default_rng(fresh_seed())
    folder = tmp_path / 'pictures'
    folder.mkdir()
    for number in range(8):
        shape = (30 + number, 50, 3)
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        name = f'{number}.{"jpg" if number % 2 else "png"}'
        Image.fromarray(pixels).save(folder / name)
    return folder


class Pictures(BaseDataset):
    """All files of a folder, each with an object."""

    def __init__(self, folder, step, sizes=None):
        self._sizes = sizes or {}
        self._names = sorted(os.listdir(folder))
        self._folder = folder
        super().__init__(pipeline=[step], serialize_data=False)

    def load_data_list(self):
        return [
            dict(
                img_path=str(self._folder / name),
                instances=[{}],
                **self._size(name),
            )
            for name in self._names
        ]

    def _size(self, name):
        size = self._sizes.get(name)
        return {} if size is None else dict(width=size[0], height=size[1])


STEPS = [LoadBGRImage, LoadRGBImage]


@pytest.mark.parametrize('step', STEPS)
def test_all_is_well(pictures, step):
    scan = scan_images(Pictures(pictures, step()))
    assert scan.complete and not scan.missing and not scan.unreadable
    wanted = [(50, 30 + number) for number in range(8)]
    assert scan.sizes.tolist() == [list(size) for size in wanted]


@pytest.mark.parametrize('step', STEPS)
def test_what_cannot_be_read_is_found(pictures, step, capfd):
    for name, rest in (('1.jpg', 20), ('2.png', 40), ('5.jpg', 3000)):
        data = (pictures / name).read_bytes()
        (pictures / name).write_bytes(data[:-rest])
    (pictures / '3.jpg').write_bytes(b'')
    (pictures / '4.png').write_text('<html>404</html>')
    data = Pictures(pictures, step(on_error='skip'))
    os.remove(pictures / '7.jpg')
    scan = scan_images(data)
    names = [os.path.basename(path) for path, _ in scan.unreadable]
    assert names == ['1.jpg', '2.png', '3.jpg', '4.png', '5.jpg']
    assert scan.missing == [str(pictures / '7.jpg')]
    assert scan.skips
    # Looking is not skipping, and a decoder's own lines are not shown.
    assert data.pipeline.transforms[0].skipped_count() == 0
    assert capfd.readouterr().err == ''


def test_what_is_known_is_not_read_again(pictures, monkeypatch):
    reads = []
    transform = LoadBGRImage.transform

    def counted(self, results):
        reads.append(os.path.basename(results['img_path']))
        return transform(self, results)

    monkeypatch.setattr(LoadBGRImage, 'transform', counted)
    data = Pictures(pictures, LoadBGRImage())
    first = scan_images(data)
    assert len(reads) == 8
    again = scan_images(Pictures(pictures, LoadBGRImage()))
    assert len(reads) == 8
    assert again.sizes.tolist() == first.sizes.tolist()
    # Another time, or another size, and it is looked at again.
    path = pictures / '6.png'
    os.utime(path, (1, 1))
    (pictures / '3.jpg').write_bytes(b'x')
    scan = scan_images(data)
    assert sorted(reads[8:]) == ['3.jpg', '6.png']
    assert [path for path, _ in scan.unreadable] == [str(pictures / '3.jpg')]
    # Another loader may fail elsewhere.
    scan_images(Pictures(pictures, LoadBGRImage(imdecode_backend='pillow')))
    assert len(reads) == 18


@pytest.mark.parametrize('kind', ['a file', 'read-only', 'garbage'])
def test_it_does_without_a_cache(pictures, kind):
    folder = cache_folder()
    if kind == 'a file':
        folder.write_text('')
    elif kind == 'read-only':
        folder.mkdir()
        folder.chmod(0o500)  # which root may write to all the same
    else:
        scan_images(Pictures(pictures, LoadBGRImage()))
        (path,) = (folder / 'images').iterdir()
        path.write_text('{"version": 1, "images": 3}')
    before = sorted(os.listdir(pictures))
    assert scan_images(Pictures(pictures, LoadBGRImage())).complete
    assert sorted(os.listdir(pictures)) == before


def test_a_large_set_is_read_when_asked(pictures):
    data = Pictures(pictures, LoadBGRImage())
    assert not scan_images(data, limit=7).complete
    assert scan_images(data, limit=None).complete
    # And is known from then on.
    assert scan_images(data, limit=7).complete


def test_sizes_are_those_of_the_loaded_image(pictures):
    """The EXIF tag turns an image; the annotations mean it as it is stored."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(pictures / '1.jpg') as image:
        image.save(pictures / '1.jpg', exif=exif.tobytes())
    sizes = {'1.jpg': (50, 31), '2.png': (50, 32), '3.jpg': (51, 33)}
    sizes['4.png'] = (100, 68)
    scan = scan_images(Pictures(pictures, LoadBGRImage(), sizes))
    found = {os.path.basename(one.path): one for one in scan.other_size}
    assert [*found] == ['1.jpg', '4.png']
    assert found['1.jpg'].loaded == (31, 50)
    stored = LoadBGRImage(color_type='color_ignore_orientation')
    scan = scan_images(Pictures(pictures, stored, sizes))
    assert [os.path.basename(one.path) for one in scan.other_size] == ['4.png']


def test_pictures_that_look_alike(pictures, tmp_path):
    import json

    with Image.open(pictures / '0.png') as image:
        image.resize((100, 60)).save(pictures / '0b.png')
    scan_images(Pictures(pictures, LoadBGRImage()))
    (path,) = (cache_folder() / 'images').iterdir()
    entries = json.loads(path.read_text())['images']
    looks = {name: int(entry[-1], 16) for name, entry in entries.items()}

    def differing(one, other):
        return (looks[one] ^ looks[other]).bit_count()

    assert differing('0.png', '0b.png') < 8 < differing('0.png', '2.png')
    assert entries['0.png'][-2] != entries['0b.png'][-2]


def test_what_the_loader_is_set_to_is_part_of_what_is_known(pictures):
    """The advice of the error, followed, must not meet the old error."""
    values = np.random.default_rng(fresh_seed()).random((6, 5), np.float32)
    Image.fromarray(values).save(pictures / 'deep.tiff')
    ((path, why),) = scan_images(Pictures(pictures, LoadRGBImage())).unreadable
    assert path.endswith('deep.tiff') and 'white=1' in why
    scaled = scan_images(Pictures(pictures, LoadRGBImage(white=1)))
    assert scaled.complete and not scaled.unreadable


@pytest.mark.parametrize('step', STEPS)
def test_what_is_no_file_is_not_opened(pictures, step):
    data = Pictures(pictures, step())
    for number, make in ((1, os.mkfifo), (3, os.mkdir)):
        (pictures / f'{number}.jpg').unlink()
        make(pictures / f'{number}.jpg')
    scan = scan_images(data)
    assert [(os.path.basename(p), why) for p, why in scan.unreadable] == [
        ('1.jpg', 'it is a pipe or a device'),
        ('3.jpg', 'it is a folder'),
    ]
    assert [bool(digest) for digest in scan.digests] == [
        number not in (1, 3) for number in range(8)
    ]
