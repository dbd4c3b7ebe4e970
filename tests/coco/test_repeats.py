"""What is there twice is a warning: boxes, files, images of two splits."""

import json
import os

import pytest
from herds import config, dataset, save, write_herd

from cds_mm.coco import check_annotation_files
from cds_mm.run_warnings import warnings_so_far


@pytest.fixture
def content(tmp_path):
    write_herd(tmp_path, 'val', count=3, seed=2)
    return write_herd(tmp_path, 'train', seed=1)


def warned(cfg, splits=('train', 'val')):
    check_annotation_files(cfg, splits)
    return warnings_so_far()


def test_boxes_that_are_there_twice(tmp_path, content):
    more = [dict(entry) for entry in content['annotations'][3:10]]
    for number, entry in enumerate(more):
        entry['id'] = 1000 + number
    content['annotations'] += more
    save(tmp_path, 'train', content)
    (text,) = warned(config(tmp_path))
    assert text.startswith('train_dataloader.dataset: 7 of 31 boxes of ')
    assert 'the first is annotations[24]' in text


def test_boxes_that_only_look_alike(tmp_path, content):
    first, second, *_ = content['annotations']
    more = [
        first | dict(id=50, iscrowd=1),
        first | dict(id=51, category_id=second['category_id']),
        first | dict(id=52, image_id=content['images'][-1]['id']),
        first | dict(id=53, ignore=1),
    ]
    content['annotations'] += more
    save(tmp_path, 'train', content)
    assert not warned(config(tmp_path))


def test_few_equal_boxes_of_many(tmp_path):
    """As COCO has them."""
    write_herd(tmp_path, 'val', count=3, seed=2)
    content = write_herd(tmp_path, 'train', count=300)
    content['annotations'].append(content['annotations'][0] | dict(id=9999))
    save(tmp_path, 'train', content)
    assert not warned(config(tmp_path))


def test_images_of_one_file(tmp_path, content):
    for image in content['images'][1:4]:
        image['file_name'] = 'train_1.png'
    save(tmp_path, 'train', content)
    (text,) = warned(config(tmp_path))
    assert '3 of 6 images of' in text and "'train_1.png' is that of 3" in text


@pytest.mark.parametrize(('area', 'said'), [(1, 'below'), (10**4, 'above')])
def test_areas_that_are_not_those_of_the_boxes(tmp_path, content, area, said):
    for entry in content['annotations']:
        w, h = entry['bbox'][2:] = 30, 25
        entry['bbox'][:2] = 1, 1
        entry['area'] = area
    content['annotations'] = content['annotations'][::4]
    save(tmp_path, 'train', content)
    (text,) = [t for t in warned(config(tmp_path)) if 'areas in' in t]
    assert f'half of them are {said}' in text and 'write w * h' in text
    for entry in content['annotations']:
        entry['area'] = 30 * 25 * 0.3  # of a mask that was taken out
    save(tmp_path, 'train', content)
    before = len(warnings_so_far())
    more = warned(config(tmp_path))[before:]
    assert not [t for t in more if 'areas in' in t]


# Images of two splits


def on_training_images(root, **more):
    return config(
        root,
        val_dataloader=dict(dataset=dataset(root, 'train', test_mode=True)),
        val_evaluator=dict(ann_file=f'{root}/train.json'),
        **more,
    )


def test_validation_on_the_training_images(tmp_path, content):
    (text,) = warned(on_training_images(tmp_path))
    assert text.startswith('val_dataloader.dataset: 6 of 6 images (the first')
    assert 'are also in train_dataloader.dataset' in text


def test_a_part_of_the_images_by_another_path(tmp_path, content):
    """A folder and a link to it are one place."""
    os.symlink(tmp_path / 'train', tmp_path / 'again')
    val = json.loads((tmp_path / 'val.json').read_text())
    for image in val['images']:
        image['file_name'] = f'val/{image["file_name"]}'
    val['images'][0]['file_name'] = 'again/train_5.png'
    save(tmp_path, 'val', val)
    cfg = config(tmp_path)
    cfg.val_dataloader.dataset.data_prefix.img = ''
    (text,) = warned(cfg)
    assert '1 of 3 images' in text and text.count('train_5.png') == 1


def test_folds_of_one_folder_share_nothing(tmp_path, content):
    images = content['images']
    for split, chosen in (('train', images[:4]), ('val', images[4:])):
        ids = {image['id'] for image in chosen}
        boxes = content['annotations']
        boxes = [entry for entry in boxes if entry['image_id'] in ids]
        save(tmp_path, split, content | dict(images=chosen, annotations=boxes))
    cfg = config(tmp_path)
    cfg.val_dataloader.dataset.data_prefix.img = 'train/'
    assert not warned(cfg)


def test_unlabelled_images_are_not_trained_on(tmp_path, content):
    cfg = on_training_images(tmp_path)
    cfg.train_dataloader.dataset.pipeline[1] = dict(
        type='LoadEmptyAnnotations'
    )
    assert not warned(cfg)


def test_a_test_on_the_file_of_the_training(tmp_path, content):
    cfg = on_training_images(tmp_path)
    cfg.test_dataloader, cfg.test_evaluator = (
        cfg.val_dataloader,
        cfg.val_evaluator,
    )
    (text,) = warned(cfg, ('test',))
    assert text.startswith('test_dataloader.dataset: 6 of 6 images (the ')
    # By the names of other images: exporters number them from 1.
    val = json.loads((tmp_path / 'val.json').read_text())
    for number, image in enumerate(val['images']):
        image['file_name'] = f'train_{number}.png'
    save(tmp_path, 'val', val)
    cfg.test_dataloader.dataset = dataset(
        tmp_path, 'val', data_prefix=dict(img='train/')
    )
    cfg.test_evaluator = dict(
        type='CocoMetric', ann_file=f'{tmp_path}/val.json'
    )
    *_, text = warned(cfg, ('test',))
    assert text.startswith('test_dataloader.dataset: 3 of 3 images (the ')
    # Which need not be there.
    cfg = config(tmp_path)
    cfg.test_dataloader, cfg.test_evaluator = (
        cfg.val_dataloader,
        cfg.val_evaluator,
    )
    (tmp_path / 'train.json').unlink()
    before = len(warnings_so_far())
    assert len(warned(cfg, ('test',))) == before
