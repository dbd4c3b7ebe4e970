"""Labels and AP by names, against pycocotools and by hand."""

import contextlib
import io
import json

import numpy as np
import pytest
import torch
from herds import ANIMALS, dataset, save, write_herd
from mmengine.registry import DATASETS, METRICS, DefaultScope
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def build(registry, cfg):
    with (
        contextlib.redirect_stdout(io.StringIO()),
        DefaultScope.overwrite_default_scope('mmdet'),
    ):
        return registry.build(cfg)


def named(root, split, classes=ANIMALS):
    return build(
        DATASETS,
        dataset(
            root, split, classes, type='cds_mm.NamedCocoDataset', pipeline=[]
        ),
    )


def labelled_boxes(data, classes):
    return sorted(
        (info['img_id'], classes[one['bbox_label']], tuple(one['bbox']))
        for info in (data.get_data_info(n) for n in range(len(data)))
        for one in info['instances']
    )


def boxes_by_name(content, classes):
    names = {entry['id']: entry['name'] for entry in content['categories']}
    return sorted(
        (
            entry['image_id'],
            names[entry['category_id']],
            (x, y, x + w, y + h),
        )
        for entry in content['annotations']
        for x, y, w, h in [entry['bbox']]
        if names[entry['category_id']] in classes
    )


@pytest.mark.parametrize(
    'classes',
    [ANIMALS, ANIMALS[::-1], ('pig', 'cow'), ('sheep', *ANIMALS, 'hen')],
)
def test_labels_are_those_of_the_names(tmp_path, classes):
    content = write_herd(tmp_path, 'train')
    content['categories'].reverse()
    save(tmp_path, 'train', content, encoding='utf-8-sig')
    data = named(tmp_path, 'train', classes)
    assert labelled_boxes(data, classes) == boxes_by_name(content, classes)


def guesses(content, names, rng):
    """For each image some boxes near the true ones, with labels by name."""
    of = {entry['id']: entry['name'] for entry in content['categories']}
    for image in content['images']:
        rows = []
        for entry in content['annotations']:
            if entry['image_id'] != image['id']:
                continue
            x, y, w, h = entry['bbox']
            shift = rng.uniform(-2, 2, 2)
            name = of[entry['category_id']]
            if rng.random() < 0.2:
                name = names[int(rng.integers(len(names)))]
            row = [x + shift[0], y + shift[1], x + w, y + h]
            rows.append((row, float(rng.random()), name))
        yield image['id'], rows


def judged(metric, found, names):
    metric.dataset_meta = dict(classes=names)
    for image, rows in found:
        boxes, scores, classes = zip(*rows, strict=True)
        prediction = dict(
            bboxes=torch.tensor(boxes, dtype=torch.float64),
            scores=torch.tensor(scores, dtype=torch.float64),
            labels=torch.tensor([names.index(name) for name in classes]),
        )
        sample = dict(
            img_id=image, ori_shape=(30, 40), pred_instances=prediction
        )
        metric.process({}, [sample])
    with contextlib.redirect_stdout(io.StringIO()):
        return metric.evaluate(len(found))


def by_hand(path, content, found):
    """COCO's own evaluation, with the ids of the file."""
    ids = {entry['name']: entry['id'] for entry in content['categories']}
    results = [
        dict(
            image_id=image,
            category_id=ids[name],
            bbox=[x, y, x2 - x, y2 - y],
            score=score,
        )
        for image, rows in found
        for (x, y, x2, y2), score, name in rows
        if name in ids
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        judge = COCOeval(truth, truth.loadRes(results), 'bbox')
        judge.params.maxDets = [100, 300, 1000]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    order = [ids_[0] for ids_ in sorted(ids.items(), key=lambda x: x[1])]
    ap = {}
    for number, name in enumerate(order):
        values = judge.eval['precision'][:, :, number, 0, -1]
        ap[name] = values[values > -1].mean()
    return judge.stats, ap


@pytest.mark.parametrize(
    'names', [ANIMALS, ('goat', 'horse', 'pig'), ('pig', 'cow')]
)
def test_ap_of_a_file_that_lacks_classes_or_has_another_order(tmp_path, names):
    content = write_herd(tmp_path, 'val', names=names, seed=4)
    rng = np.random.default_rng(5)
    rng.shuffle(content['categories'])
    save(tmp_path, 'val', content)
    path = tmp_path / 'val.json'
    found = [*guesses(content, ANIMALS, rng)]
    metric = build(
        METRICS,
        dict(
            type='cds_mm.NamedCocoMetric', ann_file=str(path), classwise=True
        ),
    )
    scores = judged(metric, found, ANIMALS)
    stats, ap = by_hand(path, content, found)
    assert 0 < stats[1] < 1
    for key, value in zip(('', '_50', '_75', '_s'), stats, strict=False):
        assert scores[f'coco/bbox_mAP{key}'] == round(value, 3)
    for name in ANIMALS:
        score = scores[f'coco/{name}_precision']
        if name in ap:
            assert score == round(ap[name], 3)
        else:
            assert np.isnan(score)


def test_results_are_written_with_the_ids_of_the_file(tmp_path):
    content = write_herd(tmp_path, 'val', seed=6)
    content['categories'].reverse()
    save(tmp_path, 'val', content)
    metric = build(
        METRICS,
        dict(
            type='cds_mm.NamedCocoMetric',
            ann_file=str(tmp_path / 'val.json'),
            format_only=True,
            outfile_prefix=str(tmp_path / 'out'),
        ),
    )
    found = [*guesses(content, ANIMALS, np.random.default_rng(7))]
    judged(metric, found, ANIMALS)
    ids = {entry['name']: entry['id'] for entry in content['categories']}
    written = json.loads((tmp_path / 'out.bbox.json').read_text())
    wanted = [ids[name] for _, rows in found for _, _, name in rows]
    assert [entry['category_id'] for entry in written] == wanted


def test_without_a_file_the_metric_is_the_host_s(tmp_path):
    metric = build(METRICS, dict(type='cds_mm.NamedCocoMetric'))
    metric.dataset_meta = dict(classes=('a', 'b'))
    box = dict(bbox=[0, 0, 10, 10], bbox_label=1)
    prediction = dict(
        bboxes=torch.tensor([[0.0, 0, 10, 10]]),
        scores=torch.tensor([0.9]),
        labels=torch.tensor([1]),
    )
    sample = dict(
        img_id=1,
        ori_shape=(20, 20),
        instances=[box],
        pred_instances=prediction,
    )
    metric.process({}, [sample])
    with contextlib.redirect_stdout(io.StringIO()):
        assert metric.evaluate(1)['coco/bbox_mAP'] == 1


def test_paths_are_as_good_as_texts(herd):
    from pathlib import Path

    text = named(herd, 'val')
    paths = dict(
        data_root=herd,
        ann_file=Path('val.json'),
        data_prefix=dict(img=Path('val')),
        metainfo=dict(classes=ANIMALS),
    )
    path = build(DATASETS, dict(type='cds_mm.NamedCocoDataset', **paths))
    assert len(path) == len(text) == 3
    for place in range(3):
        one, other = path.get_data_info(place), text.get_data_info(place)
        assert one['img_path'] == other['img_path']
    ann_file = herd / 'val.json'
    build(METRICS, dict(type='cds_mm.NamedCocoMetric', ann_file=ann_file))
