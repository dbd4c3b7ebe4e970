"""The faster COCO metric is refused before a run, where it is of no use."""

import sys

import pytest
from mmengine.config import ConfigDict

from cds_mm.config import load_config
from cds_mm.engine.evaluators import check_evaluators
from cds_mm.errors import UserError
from cds_mm.paths import CONFIGS

FASTER = dict(type='FasterCocoMetric', ann_file='val.json')


def check(evaluator, **test_cfg):
    model = dict(test_cfg=test_cfg)
    cfg = ConfigDict(model=model, val_evaluator=evaluator, test_evaluator=None)
    check_evaluators(cfg, ('train', 'val', 'test'))


def error_of(evaluator, **test_cfg):
    with pytest.raises(UserError) as raised:
        check(evaluator, **test_cfg)
    return str(raised.value)


def test_it_is_taken_where_it_says_what_the_other_says():
    pytest.importorskip('faster_coco_eval')
    check(FASTER)
    check(FASTER, max_per_img=100)
    proposals = dict(max_per_img=1000)
    check([FASTER], rpn=proposals, rcnn=dict(max_per_img=100))


@pytest.mark.parametrize('folder', ['detection', 'bccd', 'demo'])
def test_every_detector_here_can_take_it(folder):
    pytest.importorskip('faster_coco_eval')
    leaves = [
        leaf
        for leaf in CONFIGS.glob(f'{folder}/*_fpn_*.py')
        if not leaf.stem.endswith('_voc0712')  # has the metric of VOC
    ]
    assert leaves
    for leaf in leaves:
        cfg = load_config(str(leaf))
        for evaluator in ('val_evaluator', 'test_evaluator'):
            assert cfg[evaluator].type == 'CocoMetric', leaf
            cfg[evaluator].type = FASTER['type']
        check_evaluators(cfg, ('train', 'val', 'test'))


@pytest.mark.parametrize(
    'kind', ['FasterCocoMetric', 'mmdet.FasterCocoMetric']
)
def test_without_the_library(monkeypatch, kind):
    monkeypatch.setitem(sys.modules, 'faster_coco_eval', None)
    check(dict(type='CocoMetric'))
    assert error_of([dict(type='CocoMetric'), FASTER | dict(type=kind)]) == (
        'val_evaluator.1.type=FasterCocoMetric: faster-coco-eval is missing; '
        "pip install 'cds_mm[eval]'"
    )


def test_without_an_annotation_file():
    pytest.importorskip('faster_coco_eval')
    assert 'set val_evaluator.ann_file' in error_of(
        FASTER | dict(ann_file=None)
    )


@pytest.mark.parametrize(
    'test_cfg', [dict(max_per_img=300), dict(rcnn=dict(max_per_img=300))]
)
def test_more_detections_than_coco_counts(test_cfg):
    pytest.importorskip('faster_coco_eval')
    error = error_of(FASTER, **test_cfg)
    assert 'counts all 300 detections' in error
    assert 'lower max_per_img in model.test_cfg' in error
    check(dict(type='CocoMetric'), **test_cfg)
