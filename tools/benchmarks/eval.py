"""COCO evaluation: MMDetection's compiled evaluator beside pycocotools."""

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from pycocotools.cocoeval import COCOeval

from benchmarks.pairs import Comparison, alternate, positive
from cds_mm.engine.quiet import quiet_hosts
from cds_mm.optional import extra

FASTER, REFERENCE = 'FasterCocoMetric', 'CocoMetric'
OBJECTS = 7.3  # of an image in the mean, as in COCO
DETECTIONS = 100  # of an image, where the configs of detectors stop
WIDTH, HEIGHT = 640, 480
# The compiled one divides by tp + fp, the other by that and 2e-16: a
# precision may differ by its last bit.
ROUNDING = 1e-12
SIDES = 8, 300  # pixels of the smallest and the largest box


def add_options(parser: argparse.ArgumentParser) -> None:
    """The size of the data set."""
    parser.add_argument(
        '--images', type=positive, default=1000, help='images; COCO has 5000'
    )
    parser.add_argument(
        '--classes', type=positive, default=80, help='classes; COCO has 80'
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='seed of the boxes'
    )


def compare(args: argparse.Namespace) -> list[Comparison]:
    """Evaluate the same detections with both metrics.

    Raises:
        RuntimeError: one of the twelve figures differs.
        UserError: the extra ``eval`` is not installed.
    """
    rng = np.random.default_rng(args.seed)
    truth = random_truth(args.images, args.classes, rng)
    results = random_detections(truth, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'truth.json'
        path.write_text(json.dumps(truth))
        metrics = [build(kind, path, truth) for kind in (FASTER, REFERENCE)]
    # Both have met the data then: no further turn to warm up.
    first = [evaluate(metric, results) for metric in metrics]
    _check_equal(*(seen.figures for seen in first))
    ours, reference = alternate(
        lambda: evaluate(metrics[0], results),
        lambda: evaluate(metrics[1], results),
        args.repeats,
        warm_ups=0,
    )
    notes = {
        'images': args.images,
        'boxes': len(truth['annotations']),
        'detections': sum(len(found['scores']) for _, found in results),
        'mAP': f'{first[0].figures[0]:.3f}; all 12 figures equal',
    }
    matching = Comparison(
        'of it matching and averaging',
        's',
        [seen.matching for seen in ours],
        [seen.matching for seen in reference],
    )
    whole = Comparison(
        'COCO evaluation',
        's',
        [seen.seconds for seen in ours],
        [seen.seconds for seen in reference],
        notes=notes,
    )
    return [whole, matching]


def _check_equal(ours, reference):
    if not np.allclose(ours, reference, rtol=0, atol=ROUNDING):
        raise RuntimeError(f'the figures differ: {ours}, {reference}')


def random_truth(
    images: int, classes: int, rng: np.random.Generator, crowds: float = 0.01
) -> dict:
    """What an annotation file of COCO has.

    Args:
        images: their number; some have no object.
        classes: their number; an image has about three of them.
        rng: draws everything.
        crowds: share of boxes that stand for many objects.
    """
    annotations = []
    for image in range(images):
        here = rng.integers(classes, size=3)
        for box in _boxes(rng.poisson(OBJECTS), WIDTH, HEIGHT, rng):
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image,
                    category_id=int(rng.choice(here)) + 1,
                    bbox=box.tolist(),
                    area=0.6 * float(box[2] * box[3]),  # of its outline
                    iscrowd=int(rng.random() < crowds),
                )
            )
    sizes = dict(width=WIDTH, height=HEIGHT)
    return dict(
        images=[
            dict(id=i, file_name=f'{i}.jpg', **sizes) for i in range(images)
        ],
        annotations=annotations,
        categories=[dict(id=i + 1, name=f'c{i}') for i in range(classes)],
    )


def random_detections(truth: dict, rng: np.random.Generator) -> list[tuple]:
    """What a detector of some skill finds, as the metrics keep it.

    Most objects once or twice, shifted, some as another class; then boxes
    of nothing, up to :data:`DETECTIONS`.  One image in ten has none at all.
    No two scores are equal.

    Returns:
        list: for each image the pair that ``compute_metrics`` takes.
    """
    objects = {image['id']: [] for image in truth['images']}
    for annotation in truth['annotations']:
        objects[annotation['image_id']].append(annotation)
    kinds = [category['id'] for category in truth['categories']]
    found = [
        _find(image, objects[image['id']], kinds, rng)
        for image in truth['images']
    ]
    skill = np.concatenate([pred['scores'] for _, pred in found])
    ranks = (skill.argsort().argsort() + 1) / (len(skill) + 1)
    ends = np.cumsum([len(pred['scores']) for _, pred in found])
    for (_, pred), scores in zip(
        found, np.split(ranks.astype(np.float32), ends[:-1]), strict=True
    ):
        pred['scores'] = scores
    return found


def _find(image, objects, kinds, rng):
    size = image['width'], image['height']
    objects = [a for a in objects for _ in range(rng.integers(3))]
    wanted = DETECTIONS if rng.random() < 0.9 else 0
    objects = objects[:wanted]
    boxes = np.array([a['bbox'] for a in objects]).reshape(-1, 4)
    sides = np.tile(boxes[:, 2:], 2)
    boxes = boxes + rng.normal(0, 0.07, boxes.shape) * sides
    boxes = np.concatenate([boxes, _boxes(wanted - len(boxes), *size, rng)])
    labels = rng.choice(rng.integers(len(kinds), size=10), len(boxes))
    for row, annotation in enumerate(objects):
        if rng.random() < 0.9:
            labels[row] = kinds.index(annotation['category_id'])
    pred = dict(
        img_id=image['id'],
        bboxes=np.concatenate(
            [boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1
        ).astype(np.float32),
        labels=labels,
        # Made into ranks of the whole data set later.
        scores=rng.normal(2.0 * (np.arange(len(boxes)) < len(objects))),
    )
    return dict(width=size[0], height=size[1], img_id=image['id']), pred


def _boxes(count, width, height, rng):
    """(count, 4): left, top, width and height, as many small as large."""
    sides = np.exp(rng.uniform(*np.log(SIDES), (count, 2)))
    sides = np.minimum(sides, (width, height))
    corners = rng.uniform(0, 1, (count, 2)) * ((width, height) - sides)
    return np.concatenate([corners, sides], axis=1)


def build(kind: str, ann_file: Path, truth: dict) -> BaseMetric:
    """A metric of MMDetection on an annotation file.

    Args:
        kind: of the metric, by name.
        ann_file: where ``truth`` is.
        truth: its content, for the names of the classes.
    """
    quiet_hosts(dict(default_scope='mmdet'))
    metric = METRICS.build(dict(type=f'mmdet.{kind}', ann_file=str(ann_file)))
    names = [category['name'] for category in truth['categories']]
    metric.dataset_meta = dict(classes=names)
    return metric


class Evaluation(NamedTuple):
    """What one call of ``compute_metrics`` gave.

    Attributes:
        figures: (12,) of COCO, before the host rounds them.
        seconds: of all of it.
        matching: seconds between the index of the detections and the
            figures; what comes before is the same code in both metrics.
    """

    figures: np.ndarray
    seconds: float
    matching: float


def evaluate(metric: BaseMetric, results: list[tuple]) -> Evaluation:
    """Evaluate and look at what the evaluator inside of the metric does."""
    if type(metric).__name__ == FASTER:
        kind = extra('faster_coco_eval', 'eval').COCOeval_faster
    else:
        kind = COCOeval
    seen = {}

    class Watched(kind):
        def evaluate(self):
            seen['begun'] = time.perf_counter()
            super().evaluate()

        def summarize(self):
            super().summarize()
            seen['ended'] = time.perf_counter()
            seen['figures'] = self.stats

    module = sys.modules[type(metric).__module__]
    with (
        mock.patch.object(module, kind.__name__, Watched),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        begun = time.perf_counter()
        metric.compute_metrics(results)
        seconds = time.perf_counter() - begun
    matching = seen['ended'] - seen['begun']
    return Evaluation(seen['figures'], seconds, matching)
