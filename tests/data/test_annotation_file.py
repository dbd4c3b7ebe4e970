"""Label files: how they are encoded, and what their lines may hold."""

import os

import pytest
from mmpretrain.registry import DATASETS

from cds_mm.data import check_dataset
from cds_mm.errors import UserError


@pytest.fixture
def labelled(image_folder, tmp_path):
    root = image_folder('x', {'é': 2, 'b': 1})
    path = tmp_path / 'x' / 'list.txt'

    def config(data: bytes, kind='ClassFolder', **options):
        path.write_bytes(data)
        return dict(type=kind, data_root=root, ann_file='list.txt', **options)

    return config


def found(config):
    data = DATASETS.build(config)
    infos = [data.get_data_info(i) for i in range(len(data))]
    return [
        (os.path.relpath(i['img_path'], data.data_root), i.get('gt_label'))
        for i in infos
    ]


def refused(config):
    with pytest.raises(UserError) as error:
        check_dataset(config)
    assert '\n' not in str(error.value)
    with pytest.raises(UserError) as again:
        DATASETS.build(config)
    assert str(again.value) == str(error.value)
    return str(error.value)


TEXT = 'é/0.png 1\r\né/1.png -1\r\nb/0.png 0\r\n'


@pytest.mark.parametrize(
    'encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-32']
)
def test_encodings(labelled, encoding):
    config = labelled(TEXT.encode(encoding))
    check_dataset(config)
    assert found(config) == [('é/0.png', 1), ('é/1.png', -1), ('b/0.png', 0)]
    if encoding == 'utf-8':
        return
    config['type'] = 'CustomDataset'
    with pytest.raises(UserError, match='set type=ClassFolder'):
        check_dataset(config)


def test_big_endian(labelled):
    data = b'\xfe\xff' + TEXT.encode('utf-16-be')
    assert found(labelled(data))[0] == ('é/0.png', 1)


def test_names_alone(labelled):
    config = labelled('é/0.png\nb/0.png\n'.encode('utf-16'), with_label=False)
    assert found(config) == [('é/0.png', None), ('b/0.png', None)]


@pytest.mark.parametrize(
    'data', [TEXT.encode('latin-1'), TEXT.encode('utf-16-le'), b'b/0.png 1\0']
)
def test_encodings_that_nothing_tells(labelled, data):
    assert refused(labelled(data)).endswith('save it as UTF-8')


@pytest.mark.parametrize(
    'line, fault',
    [
        ('b/0.png ²', 'not an image and a whole number'),
        ('b/0.png ٣', 'not an image and a whole number'),
        ('b/0.png --1', 'not an image and a whole number'),
        ('b/0.png 1.0', 'not an image and a whole number'),
        (f'b/0.png {10**30}', 'no number of a class'),
        (f'b/0.png {"7" * 6000}', 'no number of a class'),
        ('b/0.png 0 2', 'more than one label'),
        ('b/0.JPG 0 2 1', 'more than one label'),
    ],
)
def test_lines(labelled, line, fault):
    text = refused(labelled(f'é/0.png 1\n{line}\n'.encode()))
    assert 'list.txt, line 2' in text and fault in text and len(text) < 300


def test_spaces_and_numbers_in_a_name(labelled):
    config = labelled(b'my pictures 2/b 0.png 1\nb/scan 7 0\n')
    check_dataset(config)
    assert found(config) == [('my pictures 2/b 0.png', 1), ('b/scan 7', 0)]
