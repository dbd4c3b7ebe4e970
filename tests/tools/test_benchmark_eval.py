"""The compiled evaluator gives the figures of pycocotools, and is measured."""

import argparse
import json

import numpy as np
import pytest
from benchmarks import eval as part
from command_lines import ROOT

from cds_mm.testing import fresh_seed

pytest.importorskip('faster_coco_eval')
BCCD = ROOT / 'data/bccd/annotations/instances_val.json'


def figures(kind, path, truth, results):
    metric = part.build(kind, path, truth)
    return part.evaluate(metric, results).figures


def compare_on(path, truth, results):
    """The twelve figures of both; those of recall are equal to the bit."""
    ours, reference = (
        figures(kind, path, truth, results)
        for kind in (part.FASTER, part.REFERENCE)
    )
    assert ours.shape == reference.shape == (12,)
    assert np.array_equal(ours[6:], reference[6:])
    return ours, reference


@pytest.fixture
def rng():
    return np.random.default_rng(fresh_seed())


@pytest.mark.parametrize('classes', [1, 7])
def test_all_twelve_figures_are_equal(classes, rng, tmp_path):
    truth = part.random_truth(40, classes, rng, crowds=0.1)
    assert any(a['iscrowd'] for a in truth['annotations'])
    results = part.random_detections(truth, rng)
    results[0][1].update(
        bboxes=np.zeros((0, 4)), labels=np.zeros(0, int), scores=np.zeros(0)
    )
    path = tmp_path / 'truth.json'
    path.write_text(json.dumps(truth))
    ours, reference = compare_on(path, truth, results)
    assert ours == pytest.approx(reference, rel=0, abs=part.ROUNDING)
    # Neither of a detector that finds nothing, nor of a perfect one.
    assert 0 < ours[0] < 1


@pytest.mark.skipif(not BCCD.is_file(), reason='data/bccd is not here')
def test_they_are_equal_on_blood_cells(rng):
    truth = json.loads(BCCD.read_text())
    results = part.random_detections(truth, rng)
    ours, reference = compare_on(BCCD, truth, results)
    assert ours == pytest.approx(reference, rel=0, abs=part.ROUNDING)
    assert ours[0] > 0


def test_beyond_100_detections_of_an_image_map_differs(
    rng, tmp_path, monkeypatch
):
    """Why `check_evaluators` refuses more: COCO counts 100 in mAP alone."""
    monkeypatch.setattr(part, 'DETECTIONS', 600)
    truth = part.random_truth(30, 1, rng)
    results = part.random_detections(truth, rng)
    path = tmp_path / 'truth.json'
    path.write_text(json.dumps(truth))
    ours, reference = compare_on(path, truth, results)
    assert ours[1:] == pytest.approx(reference[1:], rel=0, abs=part.ROUNDING)
    assert ours[0] > reference[0] + part.ROUNDING


def test_a_tiny_run():
    parser = argparse.ArgumentParser()
    part.add_options(parser)
    args = parser.parse_args(['--images', '10', '--classes', '3'])
    args.repeats = 2
    whole, matching = part.compare(args)
    assert len(whole.ours) == len(whole.reference) == 2
    assert whole.notes['images'] == 10
    for row in ('ours', 'reference'):
        assert all(
            0 < part_of_it < all_of_it
            for part_of_it, all_of_it in zip(
                getattr(matching, row), getattr(whole, row), strict=True
            )
        )


def test_a_difference_is_no_figure():
    with pytest.raises(RuntimeError, match='the figures differ'):
        part._check_equal(np.zeros(12), np.eye(12)[0] * 1e-9)
