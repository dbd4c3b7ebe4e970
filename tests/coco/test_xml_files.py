"""Annotations in XML are read before MMDetection reads them."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from herds import ANIMALS, config, pasted
from PIL import Image
from refusals import refusal

from cds_mm.coco import check_annotation_files
from cds_mm.run_warnings import warnings_so_far


def write_voc(root, count=3, names=ANIMALS, suffix='.jpg'):
    """A folder as of VOC, with each class in each image."""
    rng = np.random.default_rng(count)
    for folder in ('JPEGImages', 'Annotations', 'ImageSets'):
        (root / folder).mkdir(parents=True)
    for number in range(count):
        pixels = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        image = root / 'JPEGImages' / f'{number:03}{suffix}'
        Image.fromarray(pixels).save(image)
        entry = ET.Element('annotation')
        size = ET.SubElement(entry, 'size')
        for key, value in (('width', 40), ('height', 30), ('depth', 3)):
            ET.SubElement(size, key).text = str(value)
        for name in names:
            thing = ET.SubElement(entry, 'object')
            ET.SubElement(thing, 'name').text = name
            box = ET.SubElement(thing, 'bndbox')
            x, y = (int(v) for v in rng.integers(1, 15, 2))
            sides = dict(xmin=x, ymin=y, xmax=x + 9, ymax=y + 8)
            for key, value in sides.items():
                ET.SubElement(box, key).text = str(value)
        path = root / 'Annotations' / f'{number:03}.xml'
        path.write_bytes(ET.tostring(entry))
    listed = ''.join(f'{number:03}\n' for number in range(count))
    (root / 'ImageSets' / 'all.txt').write_text(listed)


def detection(root, classes=ANIMALS, kind='VOCDataset'):
    cfg = config(root, classes)
    data = dict(
        type=kind,
        data_root=f'{root}/',
        ann_file='ImageSets/all.txt',
        data_prefix=dict(sub_data_root=''),
        metainfo=dict(classes=classes),
        pipeline=[],
    )
    cfg.train_dataloader = cfg.val_dataloader = dict(dataset=data)
    cfg.val_evaluator = dict(type='VOCMetric', metric='mAP')
    return cfg


def edit(root, name, change):
    path = root / 'Annotations' / f'{name}.xml'
    tree = ET.parse(path)
    change(tree.getroot())
    tree.write(path)
    return str(path)


def check(cfg):
    return check_annotation_files(cfg, ('train', 'val'))


def refused(cfg):
    return refusal(check, cfg)


@pytest.fixture
def root(tmp_path):
    write_voc(tmp_path)
    return tmp_path


@pytest.mark.parametrize('kind', ['VOCDataset', 'XMLDataset'])
def test_a_sound_set(root, kind):
    assert check(detection(root, kind=kind)) == {}
    assert not warnings_so_far()


def test_names_that_are_no_class(root):
    """The host leaves their boxes out without a word."""
    edit(root, '001', lambda x: setattr(x[2][0], 'text', 'Goat'))
    edit(root, '002', lambda x: setattr(x[2][0], 'text', 'wolf'))
    check(detection(root))
    said = warnings_so_far()
    assert len(said) == 2  # of train and val
    assert '2 of 12 boxes of' in said[0] and '(Goat 1, wolf 1)' in said[0]
    assert said[0].startswith('train_dataloader.dataset: ')


def test_a_class_that_no_box_is_of(root):
    check(detection(root, (*ANIMALS[:3], 'swine')))
    texts = ' '.join(warnings_so_far())
    assert 'swine of metainfo.classes has no box in the training' in texts
    assert '(pig 3)' in texts


def test_none_of_the_classes(root):
    cfg = detection(root, tuple(name.upper() for name in ANIMALS))
    text = refused(cfg)
    assert 'none of 12 boxes' in text and 'cow 3, goat 3' in text
    changed = pasted(cfg, text)
    changed.val_dataloader = changed.train_dataloader
    check(changed)


def test_a_file_that_cannot_be_parsed(root):
    path = root / 'Annotations' / '001.xml'
    path.write_bytes(path.read_bytes()[:-20])
    text = refused(detection(root))
    assert text.startswith(f'{path}: is not valid XML')
    path.unlink()
    text = refused(detection(root))
    assert text.startswith(f'{path}: cannot be read (No such file')
    listed = root / 'ImageSets' / 'all.txt'
    listed.write_text(listed.read_text().replace('001\n', ''))
    check(detection(root))  # as it says


def drop_name(root):
    root[1].remove(root[1][0])


def drop_box(root):
    root[1].remove(root[1][1])


def drop_side(root):
    root[1][1].remove(root[1][1][2])


def no_number(root):
    root[1][1][2].text = 'ten'


def no_width(root):
    root[0].remove(root[0][0])


@pytest.mark.parametrize(
    ('change', 'what'),
    [
        (drop_name, 'object 1 has no <name>'),
        (drop_box, r'object 1 \(cow\) has no <bndbox>'),
        (drop_side, 'bndbox has no <xmax>'),
        (no_number, 'bndbox has no <xmax>'),
        (no_width, 'size has no <width>'),
    ],
)
def test_what_an_entry_lacks(root, change, what):
    path = edit(root, '002', change)
    assert re.match(
        f'{path}: {what} that can be read', refused(detection(root))
    )


def test_a_file_without_size_is_fine(root):
    edit(root, '000', lambda x: x.remove(x[0]))
    check(detection(root))


def test_boxes_without_area(root):
    def flat(entry):
        entry[1][1][2].text = entry[1][1][0].text

    path = edit(root, '000', flat)
    check(detection(root))
    assert f'{path}, object 1 (cow): has no area' in warnings_so_far()[0]

    def shares(entry):
        for side in entry.iter('bndbox'):
            for number in side:
                number.text = str(int(number.text) / 100)

    for name in ('000', '001', '002'):
        edit(root, name, shares)
    assert 'in pixels of the image' in refused(detection(root))


def test_images_of_another_suffix(tmp_path):
    write_voc(tmp_path, suffix='.png')
    text = refused(detection(tmp_path))
    assert '000.png is there, but VOCDataset reads 000.jpg' in text
    for path in (tmp_path / 'JPEGImages').iterdir():
        Image.open(path).save(path.with_suffix('.jpg'))
    check(detection(tmp_path))


def test_joined_sets_with_different_classes(tmp_path):
    """Each may lack what the other has."""
    write_voc(tmp_path / 'a', names=ANIMALS[:2])
    write_voc(tmp_path / 'b', names=ANIMALS[2:])
    cfg = detection(tmp_path / 'a')
    parts = [
        detection(tmp_path / name).train_dataloader.dataset for name in 'ab'
    ]
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=parts)
    check(cfg)
    assert not warnings_so_far()


def test_what_the_host_reads_is_what_was_checked(root):
    """The check and the reader agree on a whole set."""
    from mmengine.registry import DATASETS, DefaultScope

    edit(root, '001', lambda x: setattr(x[2][0], 'text', 'wolf'))
    cfg = detection(root)
    check(cfg)
    with DefaultScope.overwrite_default_scope('mmdet'):
        built = DATASETS.build(
            dict(cfg.train_dataloader.dataset, test_mode=True)
        )
    boxes = [len(built.get_data_info(n)['instances']) for n in range(3)]
    assert boxes == [4, 3, 4]
    assert '1 of 12 boxes' in warnings_so_far()[0]
