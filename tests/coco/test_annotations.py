"""Reading annotation files, against the standard library."""

import json

import numpy as np
import pytest
from herds import save, write_herd

from cds_mm.coco.json_stream import elements
from cds_mm.coco.reading import read_annotations
from cds_mm.errors import UserError


def test_the_same_as_by_json(tmp_path):
    content = write_herd(tmp_path, 'train')
    content['annotations'][3] |= dict(segmentation=[[1, 2, 3, 4, 5, 6]])
    content['annotations'][5]['ignore'] = 1
    save(tmp_path, 'train', content)
    file = read_annotations(tmp_path / 'train.json')
    wanted = content['annotations']
    assert file.boxes.tolist() == [entry['bbox'] for entry in wanted]
    assert file.areas.tolist() == [entry['area'] for entry in wanted]
    assert file.box_ids == [entry['id'] for entry in wanted]
    assert np.flatnonzero(file.masked).tolist() == [3]
    assert np.flatnonzero(file.ignored).tolist() == [5]
    assert file.names == ['cow', 'goat', 'horse', 'pig']
    assert not file.faults and not file.has_bom
    assert set(map(tuple, file.box_sizes.tolist())) == {(40, 30)}


@pytest.mark.parametrize(
    'text',
    [
        '{}',
        ' {\n"a" :\t[ ] , "b": [1,{"c": [2]}, null ]\r\n, "d": {"e": []}} \n',
        '{"a": "]},{", "b": [[], [[1]]], "\\u00e9": -1.5e3}',
    ],
)
def test_elements_are_those_of_json(text):
    found = {}
    for key, index, element in elements(text):
        if index < 0:
            found[key] = element
        else:
            found.setdefault(key, []).append(element)
    assert found == json.loads(text)


@pytest.mark.parametrize(
    'text',
    ['', '[]', '{', '{"a"', '{"a":', '{"a": [', '{"a": [1', '{"a": [1,',
     '{"a": [1 2]}', '{"a": 1,}', '{"a": [1,]}', '{"a": 1} x', '{a: 1}',
     '{"a": 1 "b": 2}'],
)  # fmt: skip
def test_what_json_refuses_is_refused(text):
    with pytest.raises(json.JSONDecodeError):
        [*elements(text)]


def test_a_file_that_is_cut_off(tmp_path):
    write_herd(tmp_path, 'train')
    path = tmp_path / 'train.json'
    path.write_text(path.read_text()[:-200])
    with pytest.raises(UserError, match=r'train.json, line 1: is not valid'):
        read_annotations(path)


def test_a_file_in_another_encoding(tmp_path):
    path = tmp_path / 'train.json'
    path.write_bytes('{"categories": [{"name": "Kühe"}]}'.encode('latin-1'))
    with pytest.raises(UserError, match='is not UTF-8'):
        read_annotations(path)


@pytest.mark.parametrize('key', ['images', 'annotations', 'categories'])
def test_a_section_of_another_kind(tmp_path, key):
    content = write_herd(tmp_path, 'train')
    content[key] = {'1': content[key][0]}
    save(tmp_path, 'train', content)
    with pytest.raises(UserError, match=f'{key} is not a list of objects'):
        read_annotations(tmp_path / 'train.json')


def test_ids_may_be_anything_and_images_may_come_last(tmp_path):
    content = write_herd(tmp_path, 'train', count=1)
    for entry in [*content['images'], *content['annotations']]:
        key = 'image_id' if 'image_id' in entry else 'id'
        entry[key] = f'n{entry[key]}'
    content['images'] = content.pop('images')
    save(tmp_path, 'train', content)
    sizes = read_annotations(tmp_path / 'train.json').box_sizes
    assert sizes.tolist() == [[40, 30]] * 4
