"""Which files of a folder are images, and what is said of the others."""

import logging
import os

import numpy as np
import pytest
from mmpretrain.registry import DATASETS
from PIL import Image

from cds_mm.data import read_rgb
from cds_mm.data.host_folders import report_left_out
from cds_mm.data.image_files import IMAGE_SUFFIXES, ImageFiles
from cds_mm.run_warnings import forget_warnings, warnings_so_far


@pytest.fixture
def root(tmp_path, image):
    """Two classes with an image of each suffix."""
    for name in 'ab':
        (tmp_path / name).mkdir()
        for suffix in IMAGE_SUFFIXES:
            kind = dict(jfif='JPEG').get(suffix[1:])
            path = tmp_path / name / f'x{suffix}'
            picture = Image.fromarray(image)
            if suffix == '.pgm':
                picture = picture.convert('L')
            picture.save(path, kind, **lossless(suffix))
    return tmp_path


def lossless(suffix):
    return dict(lossless=True) if suffix == '.webp' else {}


def build(root, **options):
    return DATASETS.build(
        dict(type='ClassFolder', data_root=str(root), **options)
    )


def test_images_of_all_suffixes_are_read(root, image):
    dataset = build(root)
    assert len(dataset) == 2 * len(IMAGE_SUFFIXES)
    assert not warnings_so_far()
    for place in range(len(dataset)):
        path = dataset.get_data_info(place)['img_path']
        suffix = os.path.splitext(path)[1]
        pixels = read_rgb(path)
        assert pixels.shape == image.shape
        if suffix in ('.webp', '.tif', '.tiff', '.png', '.bmp', '.ppm'):
            assert np.array_equal(pixels, image), suffix
    jpeg = [read_rgb(root / 'a' / f'x{s}') for s in ('.jpg', '.jfif')]
    assert np.array_equal(*jpeg)


def test_jfif_is_decoded_at_a_smaller_scale_too(tmp_path):
    large = np.zeros((128, 128, 3), np.uint8)
    Image.fromarray(large).save(tmp_path / 'x.jfif', 'JPEG')
    assert read_rgb(tmp_path / 'x.jfif', keep_pixels=900).shape[0] < 128


def test_what_is_left_out_is_counted_by_suffix(root, image):
    for number in range(3):
        Image.fromarray(image).save(root / 'a' / f'{number}.gif')
        (root / 'b' / f'{number}.HEIC').touch()
    (root / 'a' / 'notes').touch()
    for number in range(5):
        (root / 'a' / f'link{number}.png').symlink_to('/nowhere/x.png')
    dataset = build(root)
    assert len(dataset) == 2 * len(IMAGE_SUFFIXES)
    (said,) = warnings_so_far()
    assert said.startswith(
        f'{root}: 12 of 32 files were left out: 7 of other suffixes (.gif 3, '
        '.heic 3, no suffix 1), 5 broken links (a/link0.png, a/link1.png, '
        'a/link2.png, ...); to read .gif too, set extensions=['
    )
    # As it says, in the words of the command line.
    extensions = said.partition('extensions=[')[2].partition(']')[0]
    forget_warnings()
    assert len(build(root, extensions=extensions.split(','))) == 23
    (said,) = warnings_so_far()
    assert '9 of 32' in said and 'extensions' not in said
    pixels = read_rgb(root / 'a' / '0.gif')
    assert pixels.shape == image.shape


def test_lists_beside_the_images_are_no_fault(root, caplog):
    (root / 'a' / 'list.txt').touch()
    (root / 'b' / 'Thumbs.db').touch()
    (root / 'b' / '.DS_Store').touch()
    caplog.set_level(logging.INFO)
    build(root)
    assert not warnings_so_far()


def test_links_that_lead_somewhere(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp('elsewhere')
    (elsewhere / 'c').mkdir()
    (root / 'a' / 'x.png').rename(elsewhere / 'c' / 'y.png')
    (root / 'a' / 'x.png').symlink_to(elsewhere / 'c' / 'y.png')
    (root / 'c').symlink_to(elsewhere / 'c')
    dataset = build(root)
    assert len(dataset) == 2 * len(IMAGE_SUFFIXES) + 1
    assert dataset.metainfo['classes'] == ('a', 'b', 'c')
    assert not warnings_so_far()


def test_a_link_to_a_folder_above_ends(root):
    (root / 'a' / 'again').symlink_to(root)
    dataset = build(root)
    assert len(dataset) == 2 * len(IMAGE_SUFFIXES)
    (said,) = warnings_so_far()
    assert '1 broken links (a/again)' in said


def test_the_unlabelled_are_counted_apart(root, tmp_path_factory):
    more = tmp_path_factory.mktemp('more')
    (root / 'a' / 'x.png').rename(more / 'x.png')
    (more / 'y.avifs').touch()
    build(root, unlabelled=str(more))
    (said,) = warnings_so_far()
    assert said.startswith(f'{more}: 1 of 2 files were left out')


def test_the_suffixes_stand_in_the_readme():
    from cds_mm.paths import PROJECT

    text = (PROJECT / 'README.md').read_text()
    assert all(f'`{suffix}`' in text for suffix in IMAGE_SUFFIXES)


def test_a_pass_that_is_not_finished_counts_nothing(root):
    files = ImageFiles(str(root), ['.png'])
    next(iter(files))
    assert not files.left_out
    assert len([*files]) == 2
    assert files.left_out.total() == 2 * (len(IMAGE_SUFFIXES) - 1)


@pytest.mark.parametrize('kind', ['CustomDataset', 'ImageNet'])
def test_the_hosts_readers_are_counted_too(tmp_path, image, kind):
    """What MMPretrain's own data sets leave out, in the same words."""
    for name in ('train/a', 'train/b'):
        (tmp_path / name).mkdir(parents=True)
        for suffix in ('.png', '.webp'):
            Image.fromarray(image).save(
                tmp_path / name / f'x{suffix}', **lossless(suffix)
            )
    (tmp_path / 'train' / 'a' / 'link.png').symlink_to('/nowhere/x.png')
    (tmp_path / 'train' / 'loose.png').write_bytes(
        (tmp_path / 'train' / 'a' / 'x.png').read_bytes()
    )

    def listed(**more):
        settings = dict(type=kind, data_root=str(tmp_path), **more)
        if kind == 'ImageNet':
            settings |= dict(split='train', classes=['a', 'b'])
        else:
            settings |= dict(data_prefix='train')
        dataset = DATASETS.build(settings)
        forget_warnings()
        report_left_out(dataset)
        return dataset, warnings_so_far()

    dataset, (said,) = listed()
    assert len(dataset) == 2
    assert said.startswith(
        f'{tmp_path}/train: 4 of 6 files were left out: 2 of other suffixes '
        '(.webp 2), 1 broken links (a/link.png), 1 in no class folder; '
    )
    extensions = said.partition('extensions=[')[2].partition(']')[0]
    (tmp_path / 'train' / 'a' / 'link.png').unlink()
    (tmp_path / 'train' / 'loose.png').unlink()
    dataset, said = listed(extensions=extensions.split(','))
    assert len(dataset) == 4 and not said


def test_a_list_of_files_is_a_choice(root):
    (root / 'list.txt').write_text('a/x.png 0\n')
    dataset = DATASETS.build(
        dict(type='CustomDataset', data_root=str(root), ann_file='list.txt')
    )
    report_left_out(dataset)
    report_left_out(build(root))  # has said it when it listed its files
    assert not warnings_so_far()
