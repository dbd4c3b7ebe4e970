"""A metric judges the images that the data set hands out, and no others."""

import json

import numpy as np
import pytest
from herds import ANIMALS, config, dataset, pasted, save, write_herd
from mmengine.config import Config
from refusals import refusal

from cds_mm.coco import check_annotation_files
from cds_mm.run_warnings import warnings_so_far

BOTH = ('train', 'val')
KEY = 'val_evaluator'


def check(cfg, splits=BOTH):
    return check_annotation_files(cfg, splits)


def refused(cfg, splits=BOTH):
    return refusal(check, cfg, splits)


def followed(cfg, message):
    """A config after ``; set KEY=VALUE`` of a message."""
    key, _, value = message.rpartition('; set ')[2].partition('=')
    changed = cfg.copy()
    changed.merge_from_dict({key: value})
    return changed


def edited(root, split, edit):
    path = root / f'{split}.json'
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return content


def own_average_precision(root, judged, indices=None):
    """What the host's metric says of a perfect detector of root/val.json."""
    import torch
    from mmdet.evaluation import CocoMetric

    content = json.loads((root / 'val.json').read_text())
    metric = CocoMetric(ann_file=str(judged))
    metric.dataset_meta = dict(classes=ANIMALS)
    label = {c['id']: n for n, c in enumerate(content['categories'])}
    for image in content['images'][:indices]:
        boxes = [
            b for b in content['annotations'] if b['image_id'] == image['id']
        ]
        corners = [
            [x, y, x + w, y + h] for x, y, w, h in (b['bbox'] for b in boxes)
        ]
        found = dict(
            bboxes=torch.tensor(corners, dtype=torch.float32).reshape(-1, 4),
            scores=torch.ones(len(boxes)),
            labels=torch.tensor([label[b['category_id']] for b in boxes]),
        )
        sample = dict(
            img_id=image['id'], ori_shape=(30, 40), pred_instances=found
        )
        metric.process({}, [sample])
    return metric.evaluate(len(content['images'][:indices]))['coco/bbox_mAP']


def test_the_figure_that_would_come_out(herd):
    """The fault that the check is for: a perfect detector, half the score."""
    more = herd / 'more'
    write_herd(more, 'val', count=6, seed=2)
    assert own_average_precision(herd, herd / 'val.json') == 1
    assert own_average_precision(herd, more / 'val.json') <= 0.6
    assert own_average_precision(herd, herd / 'val.json', indices=1) <= 0.5


@pytest.mark.parametrize('kind', ['CocoMetric', 'FasterCocoMetric'])
@pytest.mark.parametrize('split', ['val', 'test'])
def test_a_metric_whose_file_lists_more_images(herd, split, kind):
    more = herd / 'more'
    write_herd(more, 'val', count=5, seed=2)  # the same three, and two
    cfg = config(herd)
    key = f'{split}_evaluator'
    cfg[f'{split}_dataloader'] = cfg.val_dataloader.copy()
    cfg[key] = dict(type=kind, ann_file=f'{more}/val.json')
    text = refused(cfg, (split,))
    assert text.startswith(f'{key}.ann_file: {more}/val.json has boxes in 2 ')
    assert f'{split}_dataloader.dataset ({herd}/val.json)' in text
    check(pasted(cfg, text), (split,))


def test_a_metric_that_goes_by_names(tmp_path):
    write_herd(tmp_path, 'val', seed=2)
    write_herd(tmp_path / 'more', 'val', count=9, seed=2)
    cfg = config(tmp_path)
    cfg.val_dataloader.dataset.type = 'cds_mm.NamedCocoDataset'
    cfg.val_evaluator = dict(
        type='cds_mm.NamedCocoMetric', ann_file=f'{tmp_path}/more/val.json'
    )
    text = refused(cfg, ('val',))
    assert 'has boxes in 3 images' in text
    check(pasted(cfg, text), ('val',))


def test_only_the_data_root_of_the_data_set_was_changed(tmp_path):
    """Both sets count from the same id, and name their images by numbers."""
    for name, side in (('old', (40, 30)), ('new', (44, 30))):
        write_herd(tmp_path / name, 'val', side=side, seed=len(name))
    cfg = config(tmp_path / 'old')
    cfg.val_dataloader.dataset.data_root = f'{tmp_path}/new/'
    text = refused(cfg, ('val',))
    assert 'has other images than val_dataloader.dataset' in text
    assert '6 of 6 ids: 100 is val_0.png of 40 x 30 there' in text
    changed = followed(cfg, text)
    assert changed.val_evaluator.ann_file == f'{tmp_path}/new/val.json'
    check(changed, ('val',))


def test_equal_ids_under_other_names(herd):
    other = herd / 'other'
    write_herd(other, 'val', count=3, seed=2)

    def rename(content):
        for image in content['images']:
            image['file_name'] = image['file_name'].replace('val', 'farm')

    edited(other, 'val', rename)
    cfg = config(herd, **{f'{KEY}.ann_file': f'{other}/val.json'})
    text = refused(cfg)
    assert '3 of 3 ids: 100 is farm_0.png of 40 x 30 there' in text
    check(followed(cfg, text))


def test_a_file_without_boxes_is_not_advised(herd):
    """As that of a public test: the advice would leave nothing to judge."""
    (herd / 'other').mkdir()
    content = edited(herd, 'val', lambda c: None)
    for image in content['images']:
        image['width'] += 1
    save(herd / 'other', 'val', content)
    edited(herd, 'val', lambda c: c['annotations'].clear())
    cfg = config(herd, **{f'{KEY}.ann_file': f'{herd}/other/val.json'})
    text = refused(cfg)
    assert text.endswith(f'annotations of the images of {herd}/val.json')


def test_one_image_of_many_with_another_name_is_a_warning(tmp_path):
    write_herd(tmp_path, 'val', count=101)
    write_herd(tmp_path / 'other', 'val', count=101)
    edited(
        tmp_path / 'other',
        'val',
        lambda c: c['images'][7].update(file_name='x.png'),
    )
    cfg = config(tmp_path, **{f'{KEY}.ann_file': f'{tmp_path}/other/val.json'})
    check(cfg, ('val',))
    (text,) = warnings_so_far()
    assert '1 of 101 ids: 107 is x.png' in text


def test_equal_names_and_other_boxes_are_a_warning(herd):
    other = herd / 'other'
    write_herd(other, 'val', count=3, seed=99)
    cfg = config(herd, **{f'{KEY}.ann_file': f'{other}/val.json'})
    check(cfg)
    (text,) = warnings_so_far()
    assert 'the same ids and names of images, but other boxes' in text
    check(followed(cfg, text))
    assert len(warnings_so_far()) == 1


def test_files_of_the_same_images_are_fine(herd, monkeypatch):
    """Copies, links, relative paths, masks, folders, suffixes, new boxes."""
    good = f'{herd}/val.json'
    (herd / 'link').symlink_to(herd)
    monkeypatch.chdir(herd)
    paths = [good, 'val.json', './train/../val.json', f'{herd}/link/val.json']

    def with_masks(content):
        for box in content['annotations']:
            x, y, w, h = box['bbox']
            box['segmentation'] = [[x, y, x + w, y, x + w, y + h]]
            box['bbox'] = [x + 0.4, y, w - 0.4, h]  # of the mask

    def stored_in_another_way(content):
        for image in content['images']:
            stem = image['file_name'].partition('.')[0]
            image['file_name'] = f'photos/{stem}.JPG'

    def checked_again(content):
        content['images'].reverse()
        content['annotations'][0]['bbox'] = [0, 0, 5, 5]
        del content['annotations'][-1]

    for edit in (lambda c: None, with_masks, stored_in_another_way):
        folder = herd / edit.__name__
        folder.mkdir()
        save(folder, 'val', edited(herd, 'val', lambda c: None))
        edited(folder, 'val', edit)
        paths.append(f'{folder}/val.json')
    save(herd, 'copy', edited(herd, 'val', lambda c: None))
    edited(herd, 'copy', checked_again)
    for path in [*paths, f'{herd}/copy.json']:
        cfg = config(herd, **{f'{KEY}.ann_file': path})
        check(cfg)
        assert not warnings_so_far(), path


def test_images_without_boxes_change_no_figure(herd):
    """Neither does a file that leaves them out, nor a class of others."""
    content = write_herd(herd / 'more', 'val', count=5, seed=2)
    (herd / 'all').mkdir()
    for category in (None, 77):  # no box; a class that is not judged
        content['annotations'] = [
            box for box in content['annotations'] if box['image_id'] < 103
        ]
        if category:
            content['categories'].append(dict(id=category, name='wolf'))
            content['annotations'].append(
                content['annotations'][0]
                | dict(id=999, image_id=104, category_id=category)
            )
        save(herd / 'all', 'val', content)
        cfg = config(herd, **{f'{KEY}.ann_file': f'{herd}/all/val.json'})
        check(cfg)
    assert own_average_precision(herd, herd / 'all' / 'val.json') == 1
    assert not warnings_so_far()


@pytest.mark.parametrize('chosen', [2, -1, [0, 2]])
def test_a_part_of_the_images(herd, chosen):
    cfg = config(herd)
    cfg.val_dataloader.dataset.indices = chosen
    text = refused(cfg)
    left = 1 if chosen != -1 else 2
    assert f'has boxes in {left} images that val_dataloader.dataset' in text
    assert 'let both read a file of the images handed out' in text
    changed = pasted(cfg, text)
    assert changed.val_dataloader.dataset.indices is None
    check(changed)
    cfg.val_dataloader.dataset.indices = 3
    check(cfg)
    cfg = config(herd)
    cfg.train_dataloader.dataset.indices = 1  # nobody judges it
    check(cfg)


def test_the_other_way_that_the_advice_names(herd):
    content = edited(herd, 'val', lambda c: None)
    content['images'] = content['images'][:2]
    content['annotations'] = [
        box for box in content['annotations'] if box['image_id'] < 102
    ]
    save(herd, 'part', content)
    cfg = config(herd, **{f'{KEY}.ann_file': f'{herd}/part.json'})
    cfg.val_dataloader.dataset.ann_file = 'part.json'
    check(cfg)
    # The file of the metric alone is enough, with the same images chosen.
    cfg.val_dataloader.dataset.ann_file = 'val.json'
    cfg.val_dataloader.dataset.indices = 2
    check(cfg)


def test_images_that_a_filter_leaves_out(tmp_path):
    """A filter in validation: of small images boxes are lost."""
    content = write_herd(tmp_path, 'val')
    for image in content['images'][:2]:
        image.update(width=20, height=20)
    save(tmp_path, 'val', content)
    cfg = config(tmp_path)
    cfg.val_dataloader.dataset.filter_cfg = dict(min_size=25)
    check(cfg, ('val',))  # not in test_mode
    cfg.val_dataloader.dataset.test_mode = False
    text = refused(cfg, ('val',))
    assert 'has boxes in 2 images' in text
    changed = pasted(cfg, text)
    assert changed.val_dataloader.dataset.test_mode is True
    check(changed, ('val',))
    # What has no box in it may go.
    content['annotations'] = [
        box for box in content['annotations'] if box['image_id'] > 101
    ]
    save(tmp_path, 'val', content)
    cfg.val_dataloader.dataset.filter_cfg = dict(filter_empty_gt=True)
    check(cfg, ('val',))


def test_what_judges_nothing_is_left_alone(herd):
    more = herd / 'more'
    write_herd(more, 'val', count=9, seed=2)
    cfg = config(herd)
    metric = dict(type='CocoMetric', ann_file=f'{more}/val.json')
    writes = dict(format_only=True, outfile_prefix=f'{herd}/out')
    cfg.val_evaluator = metric | writes
    check(cfg)
    cfg.val_evaluator = dict(type='CocoMetric', ann_file=None)
    cfg.val_dataloader.dataset.indices = 1
    check(cfg)  # judges by what it is handed
    cfg.val_evaluator = dict(type='VOCMetric', metric='mAP')
    check(cfg)
    assert not warnings_so_far()


@pytest.mark.parametrize(
    'kind', ['LVISMetric', 'CocoOccludedSeparatedMetric', 'OVCocoMetric']
)
def test_other_metrics_of_such_files(herd, kind):
    write_herd(herd / 'more', 'val', count=5, seed=2)
    metric = dict(type=kind, ann_file=f'{herd}/more/val.json')
    cfg = config(herd)
    cfg.val_evaluator = [dict(type='DumpDetResults'), metric]
    text = refused(cfg)
    assert text.startswith('val_evaluator.1.ann_file: ')
    assert f'val_evaluator.1.ann_file={herd}/val.json' in text


def joined(*parts):
    return dict(type='ConcatDataset', datasets=list(parts))


def two_sets(root, first_id):
    """val/ in root/a and root/b; ids of the second from ``first_id`` on."""
    contents = {}
    for name in 'ab':
        content = write_herd(root / name, 'val', count=3, seed=ord(name))
        if name == 'b':
            for image in content['images']:
                image['id'] += first_id - 100
            for box in content['annotations']:
                box['image_id'] += first_id - 100
                box['id'] += 1000
        for image in content['images']:
            image['file_name'] = image['file_name'].replace('val', name)
        save(root / name, 'val', content)
        contents[name] = content
    both = {
        key: contents['a'][key] + contents['b'][key]
        for key in ('images', 'annotations')
    }
    save(root, 'both', both | dict(categories=contents['a']['categories']))
    cfg = config(root / 'a')
    cfg.val_dataloader.dataset = joined(
        *(dataset(root / name, 'val') for name in 'ab')
    )
    return cfg


def judged_each_by_itself(cfg, text):
    """A config after the other advice of a message."""
    value = text.partition('set val_evaluator = ')[2]
    settings = eval(value.partition(' in the config')[0])
    return Config(cfg.to_dict() | dict(val_evaluator=settings))


def test_joined_data_sets(tmp_path):
    cfg = two_sets(tmp_path, first_id=200)
    text = refused(cfg, ('val',))  # judged by one of them
    assert f'{tmp_path}/a/val.json lacks 3 images of ' in text
    assert 'a file of exactly the images of these data sets' in text
    check(judged_each_by_itself(cfg, text), ('val',))
    cfg.val_evaluator.ann_file = f'{tmp_path}/both.json'
    check(cfg, ('val',))
    cfg.val_dataloader.dataset.datasets.pop()
    assert 'has boxes in 3 images' in refused(cfg, ('val',))


def test_joined_data_sets_with_equal_ids(tmp_path):
    """The host's metric takes two images with one id for one."""
    cfg = two_sets(tmp_path, first_id=100)
    for path in (f'{tmp_path}/a/val.json', None):
        cfg.val_evaluator.ann_file = path
        text = refused(cfg, ('val',))
        assert 'both have an image with the id 100' in text
        assert 'datasets.0 and val_dataloader.dataset.datasets.1' in text
        check(judged_each_by_itself(cfg, text), ('val',))
    cfg = two_sets(tmp_path / 'again', first_id=200)
    cfg.val_evaluator.ann_file = None
    check(cfg, ('val',))


def test_one_metric_for_each_data_set(tmp_path):
    cfg = two_sets(tmp_path, first_id=100)
    metrics = [
        dict(type='CocoMetric', ann_file=f'{tmp_path}/{name}/val.json')
        for name in 'ab'
    ]
    cfg.val_evaluator = dict(
        type='MultiDatasetsEvaluator',
        metrics=metrics,
        dataset_prefixes=['a', 'b'],
    )
    check(cfg, ('val',))
    cfg.val_evaluator.metrics.reverse()
    text = refused(cfg, ('val',))
    assert text.startswith('val_evaluator.metrics.0.ann_file: ')
    changed = followed(cfg, text)
    assert changed.val_evaluator.metrics[0].ann_file.endswith('a/val.json')


@pytest.fixture
def panoptic(tmp_path):
    """A config of root/a; root/more has two images more, in val.json."""
    for name, count in (('a', 3), ('more', 5)):
        content = write_herd(tmp_path / name, 'val', count=count)
        save(tmp_path / name, 'things', content)
        segments = {}
        for box in content['annotations']:
            segments.setdefault(box['image_id'], []).append(
                {k: v for k, v in box.items() if k != 'image_id'}
            )
        content['annotations'] = [
            dict(image_id=key, file_name=f'{key}.png', segments_info=parts)
            for key, parts in segments.items()
        ]
        content['categories'].append(dict(id=50, name='grass'))
        save(tmp_path / name, 'val', content)
    cfg = config(tmp_path / 'a')
    cfg.pop('train_dataloader')
    cfg.val_dataloader.dataset.update(
        type='CocoPanopticDataset',
        metainfo=dict(
            classes=(*ANIMALS, 'grass'),
            thing_classes=ANIMALS,
            stuff_classes=('grass',),
        ),
        data_prefix=dict(img='val/', seg='val/'),
    )
    return cfg


def test_a_panoptic_set(panoptic, tmp_path):
    """Its file has another format; its images are compared all the same."""
    cfg = panoptic
    # As stock configs have it: one metric of segments, and one of things.
    cfg.val_evaluator = [
        dict(type='CocoPanopticMetric', ann_file=f'{tmp_path}/a/val.json'),
        dict(type='CocoMetric', ann_file=f'{tmp_path}/a/things.json'),
    ]
    assert check(cfg, ('val',)) == {}
    assert not warnings_so_far()
    cfg.val_evaluator[0].ann_file = f'{tmp_path}/more/val.json'
    text = refused(cfg, ('val',))
    assert text.startswith('val_evaluator.0.ann_file: ')
    assert 'has boxes in 2 images' in text
    cfg = pasted(cfg, text)
    check(cfg, ('val',))
    cfg.val_evaluator[1].ann_file = f'{tmp_path}/more/things.json'
    text = refused(cfg, ('val',))
    assert text.startswith('val_evaluator.1.ann_file: ')
    assert text.endswith(f'annotations of the images of {tmp_path}/a/val.json')


def test_overlaps_against_a_loop():
    from cds_mm.coco.overlap import _best_overlaps

    rng = np.random.default_rng()
    ours, theirs = (
        np.hstack([rng.uniform(0, 9, (n, 2)), rng.uniform(1, 9, (n, 2))])
        for n in (7, 5)
    )

    def iou(a, b):
        sides = [
            max(0, min(a[k] + a[k + 2], b[k] + b[k + 2]) - max(a[k], b[k]))
            for k in (0, 1)
        ]
        common = sides[0] * sides[1]
        return common / (a[2] * a[3] + b[2] * b[3] - common)

    wanted = [max(iou(a, b) for b in theirs) for a in ours]
    assert _best_overlaps(ours, theirs) == pytest.approx(wanted)
    assert _best_overlaps(ours, theirs[:0]).tolist() == [0] * 7
