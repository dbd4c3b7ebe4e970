"""What is refused before a detection starts, and what is not."""

import copy

import pytest
from herds import ANIMALS, config, dataset, pasted, save, write_herd
from refusals import refusal

from cds_mm.coco import check_annotation_files
from cds_mm.run_warnings import warnings_so_far

BOTH = ('train', 'val')


def check(cfg, splits=BOTH):
    return check_annotation_files(cfg, splits)


def refused(cfg, splits=BOTH):
    return refusal(check, cfg, splits)


def change(root, split, edit):
    """Edit the content of an annotation file."""
    content = write_herd(root, split, seed=11)
    edit(content)
    save(root, split, content)
    return content


@pytest.fixture
def empty(tmp_path):
    """With val/ only; the test writes train/."""
    write_herd(tmp_path, 'val', count=3, seed=2)
    return tmp_path


def test_a_sound_set_is_not_spoken_of(herd):
    found = check(config(herd))
    assert not warnings_so_far()
    facts = found['train_dataloader.dataset']
    assert facts['classes'] == dict.fromkeys(ANIMALS, 6)
    assert facts['boxes'] == 24 and facts['boxes_left_out'] == {}


# Names


def test_another_order_is_refused_and_the_line_is_the_cure(empty):
    change(empty, 'train', lambda c: c['categories'].reverse())
    cfg = config(empty)
    text = refused(cfg)
    assert 'in the order pig, horse, goat, cow' in text
    check(pasted(cfg, text))


def test_another_order_of_the_validation_alone(tmp_path):
    write_herd(tmp_path, 'train')
    change(tmp_path, 'val', lambda c: c['categories'].reverse())
    cfg = config(tmp_path)
    text = refused(cfg)
    assert text.startswith('val_dataloader.dataset: ')
    assert 'train_dataloader' not in text
    changed = pasted(cfg, text)
    assert changed.val_evaluator.type == 'cds_mm.NamedCocoMetric'
    check(changed)


def test_a_validation_that_lacks_a_class(tmp_path):
    write_herd(tmp_path, 'train')
    write_herd(tmp_path, 'val', names=('cow', 'horse', 'pig'))
    cfg = config(tmp_path)
    text = refused(cfg)
    assert 'goat is no category of' in text
    check(pasted(cfg, text))
    # Also the last one, for which nothing is shifted but the metric fails.
    other = tmp_path / 'other'
    write_herd(other, 'train')
    write_herd(other, 'val', names=ANIMALS[:3])
    text = refused(config(other))
    check(pasted(config(other), text))


@pytest.mark.parametrize('slip', ['gaot', 'Goat', 'sheep'])
def test_a_misspelt_class(herd, slip):
    cfg = config(herd, ('cow', slip, 'horse', 'pig'))
    text = refused(cfg)
    assert f'{slip} is no category of' in text
    changed = pasted(cfg, text)
    classes = changed.train_dataloader.dataset.metainfo.classes
    assert tuple(classes) == ANIMALS
    check(changed)


def test_the_classes_of_another_set(herd):
    """MMDetection's commonest question: COCO's 80, or other capitals."""
    text = refused(config(herd, None))  # of which it has cows and horses
    assert 'metainfo.classes: person, bicycle, ' in text
    assert 'are no category of' in text and 'cow, goat, horse, pig' in text
    check(pasted(config(herd, None), text))
    capitals = tuple(name.upper() for name in ANIMALS)
    text = refused(config(herd, capitals))
    assert 'none of metainfo.classes (COW, GOAT, HORSE, PIG) is a' in text
    check(pasted(config(herd, capitals), text))


def test_names_with_spaces_are_advised_for_the_config(empty):
    def rename(content):
        content['categories'][1]['name'] = 'mountain goat'

    change(empty, 'train', rename)
    text = refused(config(empty), ('train',))
    assert 'in the config' in text and "'mountain goat'" in text


def test_classes_only_set_for_training(herd):
    cfg = config(herd)
    del cfg.val_dataloader.dataset['metainfo']
    text = refused(cfg)
    assert 'train_dataloader.dataset has 4 classes' in text
    assert 'val_dataloader.dataset 80' in text


def test_a_test_is_compared_with_its_training(herd):
    cfg = config(herd)
    cfg.test_dataloader = cfg.val_dataloader.copy()
    cfg.test_dataloader.dataset = dataset(herd, 'val', ANIMALS[::-1])
    assert 'which differ in their order' in refused(cfg, ('test',))


def test_joined_sets_of_other_classes(herd):
    cfg = config(herd)
    parts = [
        dataset(herd, 'train', ANIMALS),
        dataset(herd, 'val', ANIMALS[::-1], type='cds_mm.NamedCocoDataset'),
    ]
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=parts)
    text = refused(cfg, ('train',))
    assert 'train_dataloader.dataset.datasets.1' in text
    assert 'which differ in their order' in text
    parts[1]['metainfo'] = dict(classes=ANIMALS)
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=parts)
    check(cfg, ('train',))
    # A detector that reads the names learns from any.
    parts[1]['metainfo'] = dict(classes=ANIMALS[::-1])
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=parts)
    cfg.model.language_model = dict(type='BertModel')
    check(cfg, ('train',))


def test_one_class_without_its_comma(herd):
    text = refused(config(herd, 'cow', num_classes=1))
    assert 'is one string' in text
    cfg = config(herd, ('cow',))
    check(cfg)


def test_a_name_that_is_there_twice(empty):
    def twice(content):
        content['categories'].append(dict(id=40, name='goat'))

    change(empty, 'train', twice)
    assert "category 'goat' with the ids 5, 40" in refused(config(empty))


def test_a_choice_of_the_classes_is_fine(herd):
    found = check(config(herd, ('goat', 'pig')))
    facts = found['val_dataloader.dataset']
    assert facts['categories_not_used'] == ['cow', 'horse']
    assert facts['boxes_left_out'] == dict(other_class=6)
    assert not warnings_so_far()


def test_a_class_without_boxes_is_warned_of(herd):
    cfg = config(herd, (*ANIMALS, 'sheep'))
    for split in BOTH:
        cfg[f'{split}_dataloader'].dataset.type = 'cds_mm.NamedCocoDataset'
    cfg.val_evaluator.type = 'cds_mm.NamedCocoMetric'
    check(cfg)
    (text,) = warnings_so_far()
    assert 'sheep' in text and 'no box in the training data' in text


def test_classwise_ap_of_unsorted_ids(tmp_path):
    """The host gives it under the name of another class."""
    write_herd(tmp_path, 'train')

    def swap(content):
        ids = {2: 5, 5: 2}
        for entry in content['categories']:
            entry['id'] = ids.get(entry['id'], entry['id'])

    change(tmp_path, 'val', swap)
    check(config(tmp_path))
    cfg = config(tmp_path, **{'val_evaluator.classwise': True})
    text = refused(cfg)
    assert 'classwise' in text
    check(pasted(cfg, text))


# Keys and ids


@pytest.mark.parametrize(
    ('section', 'key', 'fix'),
    [
        ('annotations', 'area', 'add it (w * h for boxes)'),
        ('annotations', 'bbox', '[x, y, width, height]'),
        ('annotations', 'category_id', 'add the id'),
        ('annotations', 'image_id', 'add the id'),
        ('annotations', 'id', 'number them'),
        ('images', 'height', 'add width and height'),
        ('images', 'width', 'add width and height'),
        ('images', 'file_name', 'add the name'),
        ('images', 'id', 'number them'),
        ('categories', 'id', 'number them'),
        ('categories', 'name', 'add the name'),
    ],
)
def test_a_key_that_is_missing(empty, section, key, fix):
    change(empty, 'train', lambda c: c[section][2].pop(key))
    text = refused(config(empty))
    assert f'train.json, {section}[2]' in text
    assert f'has no {key!r}' in text and fix in text


@pytest.mark.parametrize('box', [[1, 2, 3], [], ['1', '2', '3', '4'], 5,
                                 [1, 2, 3, float('nan')]])  # fmt: skip
def test_a_box_that_is_none(empty, box):
    change(empty, 'train', lambda c: c['annotations'][1].update(bbox=box))
    assert "annotations[1] (id 2): has a malformed 'bbox'" in refused(
        config(empty)
    )


def test_iscrowd_is_asked_for_where_it_is_read(tmp_path):
    def drop(content):
        for entry in content['annotations']:
            del entry['iscrowd']

    change(tmp_path, 'train', drop)
    write_herd(tmp_path, 'val')
    check(config(tmp_path))
    other = tmp_path / 'other'
    write_herd(other, 'train')
    change(other, 'val', drop)
    assert "val.json, annotations[0] (id 1): has no 'iscrowd'" in refused(
        config(other)
    )
    cfg = config(other)
    cfg.val_evaluator.format_only = True
    cfg.val_evaluator.outfile_prefix = 'out'
    check(cfg)


def test_masks_are_asked_for_where_they_are_read(empty):
    def some(content):
        for entry in content['annotations'][:-1]:
            entry['segmentation'] = [[1, 1, 5, 1, 5, 5]]

    content = change(empty, 'train', some)
    check(config(empty))
    cfg = config(empty)
    cfg.train_dataloader.dataset.pipeline[1].with_mask = True
    last = len(content['annotations']) - 1
    assert f"annotations[{last}] (id {last + 1}): has no 'segm" in refused(cfg)


@pytest.mark.parametrize('section', ['images', 'annotations'])
def test_an_id_that_is_there_twice(empty, section):
    def twice(content):
        content[section][1]['id'] = content[section][0]['id']

    change(empty, 'train', twice)
    assert f'2 entries of {section!r} have the id' in refused(config(empty))


def test_what_is_ignored_needs_no_more_than_ids(empty):
    def ignore(content):
        entry = content['annotations'][0]
        entry['ignore'] = 1
        del entry['bbox'], entry['area']

    change(empty, 'train', ignore)
    check(config(empty))


def test_a_byte_order_mark(tmp_path):
    write_herd(tmp_path, 'train')
    save(tmp_path, 'val', write_herd(tmp_path, 'val'), encoding='utf-8-sig')
    cfg = config(tmp_path)
    for _ in range(2):  # of the data set, and of its metric
        text = refused(cfg)
        assert 'byte order mark' in text
        name, _, kind = text.rpartition(' set ')[2].partition('=')
        cfg.merge_from_dict({name: kind})
    check(cfg)


def test_a_file_of_another_kind(empty):
    change(empty, 'train', lambda c: c.pop('categories'))
    assert "has no 'categories'" in refused(config(empty))


# Boxes


def edit_boxes(make):
    def edit(content):
        for entry in content['annotations']:
            entry['bbox'] = make(*entry['bbox'])

    return edit


@pytest.mark.parametrize('area', [True, False])
def test_boxes_in_shares_of_the_image(empty, area):
    def shares(content):
        edit_boxes(lambda x, y, w, h: [x / 40, y / 30, w / 40, h / 30])(
            content
        )
        if area:
            for entry in content['annotations']:
                entry['area'] = entry['bbox'][2] * entry['bbox'][3]

    change(empty, 'train', shares)
    assert 'as shares of the image' in refused(config(empty))


@pytest.mark.parametrize('area', [True, False])
def test_boxes_by_corners(empty, area):
    def corners(content):
        edit_boxes(lambda x, y, w, h: [x, y, x + w, y + h])(content)
        if not area:  # as who takes them for sides computes it
            for entry in content['annotations']:
                entry['area'] = entry['bbox'][2] * entry['bbox'][3]

    change(empty, 'train', corners)
    assert 'by two corners' in refused(config(empty))


def test_boxes_that_are_rather_outside(empty):
    change(empty, 'train', edit_boxes(lambda x, y, w, h: [x + 40, y, w, h]))
    assert '24 of 24 boxes' in refused(config(empty))


def test_single_odd_boxes_are_warned_of(empty):
    def odd(content):
        boxes = content['annotations']
        boxes[0]['bbox'] = [60, 5, 8, 8]
        boxes[1]['bbox'] = [5, 5, 0, 8]
        boxes[2]['area'] = 0
        boxes[3]['category_id'] = 77
        boxes[4]['image_id'] = 1
        boxes[5]['bbox'] = [30, 20, 30, 8]

    change(empty, 'train', odd)
    found = check(config(empty), ('train',))['train_dataloader.dataset']
    wanted = dict(no_image=1, no_category=1, outside=1, no_area=2)
    assert found['boxes_left_out'] == wanted
    said = ' '.join(warnings_so_far())
    for text in (
        '1 of 24 boxes',
        'lie outside of their image',
        'have no area',
        'category_id that `categories` lacks',
        'images that are not in the file',
        'reach out of their image',
        'annotations[0]',
    ):
        assert text in said


@pytest.mark.parametrize(
    'make',
    [
        # Up to the edge, and a rounding beyond it.
        lambda x, y, w, h: [40 - w, 30 - h, w, h],
        lambda x, y, w, h: [40 - w + 0.6, y, w, h],
        # A small image of whole-image boxes: w > x and h > y for all.
        lambda x, y, w, h: [0, 0, 40, 30],
        lambda x, y, w, h: [1, 1, 39, 29],
    ],
)
def test_sound_boxes_are_not_taken_for_others(empty, make):
    def edit(content):
        edit_boxes(make)(content)
        for entry in content['annotations']:
            entry['area'] = entry['bbox'][2] * entry['bbox'][3]

    change(empty, 'train', edit)
    check(config(empty))
    assert not warnings_so_far()


def test_nothing_is_left(empty):
    change(empty, 'train', lambda c: c['annotations'].clear())
    assert 'of 0 annotations in' in refused(config(empty))


def test_the_filter_of_small_images_leaves_none(herd):
    cfg = config(herd)
    cfg.train_dataloader.dataset.filter_cfg.min_size = 32
    text = refused(cfg)
    assert 'filter_cfg: leaves none of the 6 images' in text
    cfg.train_dataloader.dataset.filter_cfg = None
    check(cfg)


def test_a_validation_without_boxes(tmp_path):
    write_herd(tmp_path, 'train')
    change(tmp_path, 'val', lambda c: c['annotations'].clear())
    assert 'val_dataloader.dataset: of 0 annotations' in refused(
        config(tmp_path)
    )
    # COCO's test-dev has no annotations; its results go to a server.
    cfg = config(tmp_path)
    cfg.val_evaluator.update(format_only=True, outfile_prefix='out')
    check(cfg)


# Several data sets, and those of other kinds


def joined(*parts):
    return dict(type='ConcatDataset', datasets=[*parts])


def test_each_of_several_files_is_looked_at(herd):
    other = herd / 'other'
    change(other, 'train', lambda c: c['categories'].reverse())
    cfg = config(herd)
    parts = joined(dataset(herd, 'train'), dataset(other, 'train'))
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset', times=2, dataset=parts
    )
    text = refused(cfg)
    place = 'train_dataloader.dataset.dataset.datasets.1'
    assert text.startswith(f'{place}: ')
    changed = pasted(cfg, text)
    found = check(changed)
    assert found[place]['boxes'] == 24


def test_one_of_several_files_may_lack_a_class(herd):
    other = herd / 'other'
    write_herd(other, 'train', names=('cow', 'pig'))
    cfg = config(herd)
    cfg.train_dataloader.dataset = joined(
        dataset(herd, 'train'),
        dataset(other, 'train', type='cds_mm.NamedCocoDataset'),
    )
    check(cfg)
    assert not warnings_so_far()


def test_unlabelled_images_of_semi_supervision(herd):
    other = herd / 'other'
    change(other, 'train', lambda c: c['annotations'].clear())
    steps = [dict(type='LoadImageFromFile'), dict(type='LoadEmptyAnnotations')]
    more = dict(pipeline=steps, filter_cfg=dict(filter_empty_gt=False))
    cfg = config(herd)
    cfg.train_dataloader.dataset = joined(
        dataset(herd, 'train'), dataset(other, 'train', **more)
    )
    check(cfg)
    assert not warnings_so_far()


def test_a_published_set_in_its_own_order(herd):
    """Its files agree, so no label is wrong."""
    cfg = config(herd)
    for split in BOTH:
        cfg[f'{split}_dataloader'].dataset = dataset(
            herd, split, None, type='DeepFashionDataset'
        )
    names = 'top skirt leggings dress outer pants bag neckwear headwear'
    names += ' eyeglass belt footwear hair skin face'

    for split in BOTH:
        content = dict(write_herd(herd / 'x', split))
        content['categories'] = [
            dict(id=2 + n, name=name)
            for n, name in enumerate(reversed(names.split()))
        ]
        save(herd, split, content)
    check(cfg)
    assert any('shown under wrong names' in s for s in warnings_so_far())


def test_what_is_not_coco_is_left_alone(herd):
    cfg = config(herd)
    for kind in ('OpenImagesDataset', 'CrowdHumanDataset'):
        for split in BOTH:
            cfg[f'{split}_dataloader'].dataset = dataset(
                herd, split, None, type=kind
            )
        cfg.val_evaluator = dict(type='VOCMetric', metric='mAP')
        assert check(cfg) == {}


def test_files_of_a_server_are_left_alone(herd):
    cfg = config(herd)
    for split in BOTH:
        cfg[f'{split}_dataloader'].dataset.data_root = 's3://bucket/set/'
    cfg.val_evaluator.ann_file = 's3://bucket/set/val.json'
    assert check(cfg) == {}


# The metric's own file


def test_the_metric_judges_by_another_set(herd):
    other = herd / 'other'
    content = write_herd(other, 'val', count=2)
    cfg = config(herd)
    cfg.val_evaluator.ann_file = str(other / 'val.json')
    text = refused(cfg)
    assert 'lacks 1 images of val_dataloader.dataset' in text
    name, _, path = text.rpartition(' set ')[2].partition('=')
    cfg.merge_from_dict({name: path})
    check(cfg)
    wrong = copy.deepcopy(content)
    wrong['categories'][0]['name'] = 'ox'
    save(other, 'val', wrong)
    cfg.val_evaluator.ann_file = str(other / 'val.json')
    assert refused(cfg).startswith('val_evaluator: ')


def test_the_metric_s_file_is_missing(herd):
    cfg = config(herd, **{'val_evaluator.ann_file': f'{herd}/no.json'})
    text = refused(cfg)
    assert text.endswith(f'set val_evaluator.ann_file={herd}/val.json')


def test_a_list_of_metrics(tmp_path):
    write_herd(tmp_path, 'train')
    change(tmp_path, 'val', lambda c: c['categories'].reverse())
    cfg = config(tmp_path)
    cfg.val_evaluator = [dict(type='DumpDetResults'), cfg.val_evaluator]
    text = refused(cfg)
    assert 'val_evaluator.1.type=cds_mm.NamedCocoMetric' in text
    check(pasted(cfg, text))


# Published sets with readers of their own


def published(root, kind):
    """A config of one class of data sets, with classes of one's own."""
    cfg = config(root)
    for split in BOTH:
        cfg[f'{split}_dataloader'].dataset.type = kind
    return cfg


OBJECTS = ('Objects365V1Dataset', 'Objects365V2Dataset')
READERS = (*OBJECTS, 'LVISV05Dataset', 'LVISV1Dataset')


@pytest.mark.parametrize('kind', READERS)
def test_content_is_checked_for_other_readers(empty, kind):
    change(empty, 'train', lambda c: c['annotations'][2].pop('bbox'))
    text = refused(published(empty, kind), ('train',))
    assert 'annotations[2] (id 3): has no' in text and "'bbox'" in text


@pytest.mark.parametrize('kind', READERS)
def test_a_sound_file_of_other_readers(empty, kind):
    def as_published(content):
        for image in content['images']:
            image['coco_url'] = f'http://host/train/{image["file_name"]}'
            if kind == 'LVISV1Dataset':
                del image['file_name']
        if kind.startswith('LVIS'):
            for box in content['annotations']:
                del box['iscrowd']

    change(empty, 'train', as_published)
    found = check(published(empty, kind), ('train',))
    facts = found['train_dataloader.dataset']
    assert facts['classes'] == dict.fromkeys(ANIMALS, 6)
    assert not warnings_so_far()


@pytest.mark.parametrize('kind', OBJECTS)
def test_labels_by_ids(empty, kind):
    """These readers sort the categories, so that their order is free."""
    change(empty, 'train', lambda c: c['categories'].reverse())
    check(published(empty, kind), ('train',))

    def other_ids(content):
        for category in content['categories']:
            category['id'] = 20 - category['id']
        for box in content['annotations']:
            box['category_id'] = 20 - box['category_id']

    change(empty / 'x', 'train', other_ids)
    cfg = published(empty / 'x', kind)
    text = refused(cfg, ('train',))
    assert 'in the order pig, horse, goat, cow' in text
    check(pasted(cfg, text), ('train',))


@pytest.mark.parametrize('kind', ['LVISV05Dataset', 'LVISV1Dataset'])
def test_a_reader_that_labels_all_categories(empty, kind):
    """LVIS numbers all of the file, so a choice of classes shifts them."""
    write_herd(empty, 'train')
    cfg = published(empty, kind)
    cfg.train_dataloader.dataset.metainfo.classes = ANIMALS[1:]
    text = refused(cfg, ('train',))
    assert f'{kind} labels all 4 categories of' in text
    check(pasted(cfg, text), ('train',))


def test_another_spelling_in_each_split(tmp_path):
    """Each is looked up in its own file; the labels are the same."""
    capitals = tuple(name.upper() for name in ANIMALS)
    write_herd(tmp_path, 'train')

    def rename(content):
        for category in content['categories']:
            category['name'] = category['name'].upper()

    change(tmp_path, 'val', rename)
    cfg = config(tmp_path)
    cfg.val_dataloader.dataset.metainfo.classes = capitals
    check(cfg)
    cfg.val_dataloader.dataset.metainfo.classes = ANIMALS
    assert 'is a category of' in refused(cfg)  # in a file, to the letter
