"""Any JSON in an annotation file is taken, or refused in one line."""

import copy
import json
import random

import numpy as np
import pytest
from herds import config, write_herd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_mm.coco import check_annotation_files, read_annotations
from cds_mm.errors import UserError

# What no JSON library writes, and some program has: in place of "<token>".
TOKENS = {
    '<digits>': '9' * 5000,
    '<deep>': '[' * 100_000 + ']' * 100_000,
    '<large>': '1e999',
    '<integer>': '1' + '0' * 400,
    '<surrogate>': '"\\ud800\\n.png"',
}
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 110),
    st.sampled_from([2**53 + 1, 2**64, -(2**63), 0, -0.0]),
    st.floats(),
    st.sampled_from([[[1, 2, 10**400, 2, 3, 9]], [[3, 3.5] * 3]]),
    st.sampled_from([dict(size=[30, 10**400], counts=[5])]),
    st.text(max_size=3),
    st.sampled_from(['0', '1', '101', '1.0', 'cow', '\x00', 'a\nb']),
    st.sampled_from(sorted(TOKENS)),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=2), inner, max_size=2),
    ),
    max_leaves=5,
)
KEYS = [
    *(('images', key) for key in ('id', 'file_name', 'width', 'height')),
    *(('categories', key) for key in ('id', 'name')),
    *(
        ('annotations', key)
        for key in ('id', 'image_id', 'category_id', 'bbox', 'area')
    ),
    *(('annotations', key) for key in ('iscrowd', 'ignore', 'segmentation')),
]


@pytest.fixture(scope='module')
def sound(tmp_path_factory):
    root = tmp_path_factory.mktemp('fuzz')
    write_herd(root, 'train')
    content = write_herd(root, 'val', count=3)
    for entry in content['annotations']:
        x, y, w, h = entry['bbox']
        entry['segmentation'] = [[x, y, x + w, y, x + w, y + h]]
    return root, content


def write(root, content):
    text = json.dumps(content)
    for token, raw in TOKENS.items():
        text = text.replace(json.dumps(token), raw)
    (root / 'val.json').write_text(text)


def one_line(error):
    text = str(error)
    assert len(text.splitlines()) == 1
    assert text.encode()  # can be printed


@settings(
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(KEYS), st.integers(0, 2), VALUES),
        min_size=1,
        max_size=3,
    ),
    masks=st.booleans(),
    kind=st.sampled_from(
        ['CocoMetric', 'FasterCocoMetric', 'cds_mm.NamedCocoMetric']
    ),
)
def test_values_of_any_kind(sound, changes, kind, masks):
    root, content = sound
    content = copy.deepcopy(content)
    for (section, key), row, value in changes:
        content[section][row][key] = value
    write(root, content)
    cfg = config(root)
    cfg.val_evaluator.type = kind
    cfg.val_dataloader.dataset.pipeline[1].with_mask = masks
    try:
        check_annotation_files(cfg, ('train', 'val'))
    except UserError as error:
        one_line(error)


@settings(
    max_examples=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(section=st.text(max_size=8), value=VALUES, start=st.booleans())
def test_sections_of_any_kind(sound, section, value, start):
    root, content = sound
    keys = [*content]
    name = keys[len(section) % 3] if start else section
    write(root, content | {name: value})
    try:
        check_annotation_files(config(root), ('train', 'val'))
    except UserError as error:
        one_line(error)


def test_bytes_of_any_kind(sound):
    root, content = sound
    data = json.dumps(content).encode()
    rng = random.Random(8)
    for _ in range(300):
        place = rng.randrange(len(data))
        cut = bytes(rng.randrange(256) for _ in range(rng.randrange(4)))
        broken = data[:place] + cut + data[place + rng.randrange(5) :]
        (root / 'val.json').write_bytes(broken)
        try:
            read_annotations(root / 'val.json')
        except UserError as error:
            one_line(error)


@pytest.mark.parametrize(
    ('section', 'key', 'value', 'said'),
    [
        ('annotations', 'bbox', [1, 1, '<integer>', 5], "'bbox', [1, 1, 100"),
        ('annotations', 'area', '<integer>', "a malformed 'area', 1000"),
        ('images', 'width', '<integer>', "a malformed 'width', 1000"),
        ('images', 'width', '96', "a malformed 'width', '96'; write a num"),
        ('images', 'id', [3], "a malformed 'id', [3]; write a number"),
        ('annotations', 'id', {'a': 1}, "a malformed 'id', {'a': 1}; write"),
        ('annotations', 'image_id', [1], "a malformed 'image_id', [1]; "),
        ('annotations', 'category_id', [], "a malformed 'category_id', []; "),
        ('categories', 'name', 7, "a malformed 'name', 7; write the name"),
        ('images', 'file_name', 7, "a malformed 'file_name', 7; write the"),
        ('annotations', 'iscrowd', '0', "malformed 'iscrowd', '0'; write 0"),
        ('annotations', 'iscrowd', 2, "malformed 'iscrowd', 2; write 0 or 1"),
        ('annotations', 'ignore', 'no', "malformed 'ignore', 'no'; write 0"),
        ('annotations', 'segmentation', '<digits>', 'too long a number; no'),
        ('annotations', 'segmentation', '<deep>', 'is nested too deeply; no'),
    ],
)
def test_file_section_index_and_key_are_named(
    tmp_path, section, key, value, said
):
    write_herd(tmp_path, 'train')
    content = write_herd(tmp_path, 'val')
    content[section][2][key] = value
    write(tmp_path, content)
    with pytest.raises(UserError) as error:
        check_annotation_files(config(tmp_path), ('train', 'val'))
    text = str(error.value)
    assert text.startswith(f'{tmp_path}/val.json, {section}[2]')
    assert said in text and len(text) < 300


@pytest.mark.parametrize(
    ('section', 'key', 'of', 'write_as'),
    [
        ('annotations', 'image_id', 'images', str),
        ('annotations', 'category_id', 'categories', str),
        ('images', 'id', 'images', str),
        ('categories', 'id', 'categories', lambda value: f'{value}.0'),
        ('annotations', 'image_id', 'images', lambda v: f'{v:012d}'),
    ],
)
def test_text_in_one_place_and_a_number_in_the_other(
    tmp_path, section, key, of, write_as
):
    content = write_herd(tmp_path, 'train')
    for entry in content[section][1::2]:
        entry[key] = write_as(entry[key])
    (tmp_path / 'train.json').write_text(json.dumps(content))
    with pytest.raises(UserError) as error:
        check_annotation_files(config(tmp_path), ('train',))
    assert f'and in {of!r} that id is ' in str(error.value)
    assert 'write both with quotes, or both without' in str(error.value)
    # Both with quotes.
    refer = {'annotations': ['image_id', 'category_id']}
    for name in ('images', 'categories', 'annotations'):
        for entry in content[name]:
            for key in refer.get(name, ['id']):
                entry[key] = str(entry[key]).removesuffix('.0').lstrip('0')
    (tmp_path / 'train.json').write_text(json.dumps(content))
    check_annotation_files(config(tmp_path), ('train',))


def test_numbers_with_a_point_are_numbers(tmp_path):
    """As pandas writes a column with gaps."""
    content = write_herd(tmp_path, 'train')
    for entry in content['categories'] + content['images']:
        entry['id'] = float(entry['id'])
    (tmp_path / 'train.json').write_text(json.dumps(content))
    found = check_annotation_files(config(tmp_path), ('train',))
    assert np.all(found['train_dataloader.dataset']['boxes'] == 24)
