"""What a COCO metric cannot evaluate is refused before the run."""

import contextlib
import copy
import io
import json
import shlex
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import METRICS, DefaultScope
from mmengine.structures import BaseDataElement
from torch import nn

from cds_mm.commands.train import parse_args
from cds_mm.errors import UserError
from cds_mm.hooks import trial_evaluation
from cds_mm.hooks.trial_evaluation import _predicted, try_metric

CLASSES = ('fork', 'spoon')
KINDS = ['CocoMetric', 'FasterCocoMetric', 'cds_mm.NamedCocoMetric']


@pytest.fixture
def ann_file(tmp_path):
    rng = np.random.default_rng(3)
    images = [dict(id=n, width=64, height=48, file_name=f'{n}.png')
              for n in (7, 9, 12)]  # fmt: skip
    boxes = []
    for number, image in enumerate((9, 9, 12, 12), 1):
        x, y, w, h = map(float, rng.integers(4, 20, 4))
        corners = [x, y, x + w, y, x + w, y + h, x, y + h]
        boxes.append(
            dict(
                id=number,
                image_id=image,
                category_id=3 + number % 2,
                bbox=[x, y, w, h],
                area=w * h,
                iscrowd=0,
                segmentation=[corners],
            )
        )
    names = [dict(id=3, name='fork'), dict(id=4, name='spoon')]
    path = tmp_path / 'kitchen.json'
    path.write_text(
        json.dumps(dict(images=images, annotations=boxes, categories=names))
    )
    return path


def metric_of(kind, ann_file, **more):
    settings = dict(type=kind, ann_file=ann_file and str(ann_file)) | more
    with (
        contextlib.redirect_stdout(io.StringIO()),
        DefaultScope.overwrite_default_scope('mmdet'),
    ):
        metric = METRICS.build(settings)
    metric.dataset_meta = dict(classes=CLASSES)
    return metric


def sample_of(image=9, boxes=2, masks=False, **more):
    found = dict(
        bboxes=torch.rand(boxes, 4) * 10 + torch.tensor([0, 0, 12, 12]),
        scores=torch.rand(boxes),
        labels=torch.arange(boxes) % 2,
    )
    if masks:
        found['masks'] = torch.rand(boxes, 48, 64) > 0.5
    return dict(img_id=image, ori_shape=(48, 64), pred_instances=found, **more)


def refused(metric, sample, key='val_evaluator'):
    with (
        contextlib.redirect_stdout(io.StringIO()),
        pytest.raises(UserError) as error,
    ):
        try_metric(metric, sample, key)
    text = str(error.value)
    assert len(text.splitlines()) == 1 and len(text) < 400
    return text


def taken(metric, sample):
    with contextlib.redirect_stdout(io.StringIO()):
        try_metric(metric, sample, 'val_evaluator')


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('metric', 'segm'),
        ('metric', ['bbox', 'segm']),
        ('iou_thrs', [0.5]),
        ('iou_thrs', 0.5),
        ('proposal_nums', (1, 2)),
        ('proposal_nums', ()),
        ('metric_items', ['mAP_5']),
        ('metric_items', 'mAP'),
    ],
)
def test_settings_that_fail(ann_file, kind, key, value):
    metric = metric_of(kind, ann_file, **{key: value})
    if key == 'proposal_nums' and kind == 'FasterCocoMetric':
        # The compiled one may take more; then nothing is said.
        with contextlib.suppress(UserError):
            taken(metric, sample_of())
        return
    text = refused(metric, sample_of())
    assert text.startswith(f'val_evaluator.{key}: the evaluation would fail')
    words = shlex.split(text.partition('--cfg-options ')[2])
    options = parse_args(['x.py', '--cfg-options', *words]).cfg_options
    ((name, advised),) = options.items()
    assert name == f'val_evaluator.{key}'
    taken(metric_of(kind, ann_file, **{key: advised}), sample_of())


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('boxes', [0, 2])
@pytest.mark.parametrize(
    'more',
    [
        {},
        dict(metric=['bbox', 'segm'], classwise=True),
        dict(metric='proposal'),
        dict(metric='proposal_fast', iou_thrs=[0.5]),
        dict(metric_items=['mAP', 'AR@100']),
        dict(proposal_nums=(1, 10, 100)),
        dict(format_only=True, outfile_prefix='out'),
    ],
)
def test_settings_that_do_not(ann_file, tmp_path, monkeypatch, kind, boxes,
                              more):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    metric = metric_of(kind, ann_file, **more)
    state = copy.copy(metric.__dict__)
    # An image without a box: of a class that the model finds first or not.
    taken(metric, sample_of(7, boxes, masks=True))
    assert metric.__dict__ == state and not metric.results
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize('kind', KINDS)
def test_the_figures_are_the_same(ann_file, kind):
    samples = [sample_of(image, masks=True) for image in (7, 9, 12)]

    def figures(trial):
        metric = metric_of(kind, ann_file, metric=['bbox', 'segm'])
        if trial:
            taken(metric, copy.deepcopy(samples[0]))
        with contextlib.redirect_stdout(io.StringIO()):
            metric.process({}, copy.deepcopy(samples))
            return metric.evaluate(3)

    assert figures(trial=True) == figures(trial=False)


def test_a_data_set_that_gives_no_boxes(ann_file):
    metric = metric_of('CocoMetric', None)
    text = refused(metric, sample_of())
    assert text.startswith('val_evaluator: has no ann_file, and the data set')
    taken(metric_of('CocoMetric', ann_file), sample_of())
    box = dict(bbox=[1, 2, 9, 9], bbox_label=1, ignore_flag=0)
    taken(metric, sample_of(instances=[box]))


def test_annotations_without_masks(ann_file):
    content = json.loads(ann_file.read_text())
    for entry in content['annotations']:
        del entry['segmentation']
    ann_file.write_text(json.dumps(content))
    metric = metric_of('CocoMetric', ann_file, metric=['bbox', 'segm'])
    text = refused(metric, sample_of(masks=True))
    assert 'KeyError: segmentation' in text
    assert text.endswith('set --cfg-options val_evaluator.metric=bbox')


class Silent(nn.Module):
    """MMDetection's students with a teacher return nothing either."""

    def train(self, mode=True):
        super().train(mode)

    def val_step(self, batch):
        return [BaseDataElement(evaluated=not self.training)]


def test_a_model_whose_eval_returns_nothing(monkeypatch):
    monkeypatch.setattr(trial_evaluation, 'first_batch', lambda *_: None)
    run, loop = SimpleNamespace(model=Silent()), SimpleNamespace()
    assert _predicted(run, loop, None, 'val') == dict(evaluated=True)
    assert run.model.training
