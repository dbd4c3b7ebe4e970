"""Suppression through `mmcv.ops` against a loop over pairs of boxes."""

import pytest
import torch
from crowds import crowd, iou, soft_crowd
from mmcv.ops import batched_nms, nms, soft_nms

from cds_mm.testing import fresh_generator


def brute_force(boxes, scores, threshold, offset=0):
    boxes = boxes.double().tolist()
    kept = []
    for index in scores.argsort(descending=True).tolist():
        rivals = [iou(boxes[index], boxes[k], offset) for k in kept]
        if all(value <= threshold for value in rivals):
            kept.append(index)
    return kept


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.1, 0.5, 0.7])
def test_nms_keeps_what_the_loop_keeps(threshold, offset):
    boxes, scores = crowd(fresh_generator())
    dets, kept = nms(boxes, scores, threshold, offset=offset)
    expected = brute_force(boxes, scores, threshold, offset)
    assert kept.tolist() == expected
    assert 1 < len(expected) < len(boxes)
    assert torch.equal(dets, torch.cat([boxes, scores[:, None]], 1)[kept])


def test_offset_changes_the_answer():
    # IoU 1/3 without the extra pixel, 9/15 with it.
    boxes = torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2]])
    scores = torch.tensor([0.9, 0.8])
    assert len(nms(boxes, scores, 0.4, offset=0)[1]) == 2
    assert len(nms(boxes, scores, 0.4, offset=1)[1]) == 1


def test_an_iou_equal_to_the_threshold_is_kept():
    # Both have exactly IoU 3/5; float32(0.6) is above 0.6, so a threshold
    # held in double would drop the second.
    boxes = torch.tensor([[0.0, 0, 4, 1], [1, 0, 5, 1]])
    assert iou(*boxes.tolist(), 0) == 0.6
    assert len(nms(boxes, torch.tensor([0.9, 0.8]), 0.6)[1]) == 2
    assert len(nms(boxes, torch.tensor([0.9, 0.8]), 0.59)[1]) == 1


def test_score_threshold_and_max_num():
    boxes, scores = crowd(fresh_generator())
    expected = brute_force(boxes, scores, 0.5)
    expected = [i for i in expected if scores[i] > 0.7][:5]
    _, kept = nms(boxes, scores, 0.5, score_threshold=0.7, max_num=5)
    assert kept.tolist() == expected


def test_nms_of_bfloat16_boxes(standin_only):
    boxes, scores = crowd(fresh_generator(), dtype=torch.bfloat16)
    _, kept = nms(boxes, scores, 0.5)
    assert kept.tolist() == brute_force(boxes, scores, 0.5)


def test_nms_of_nothing():
    dets, kept = nms(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert dets.shape == (0, 5)
    assert kept.dtype == torch.int64
    assert len(kept) == 0


@pytest.mark.parametrize('split_thr', [10_000, 50])
def test_batched_nms_is_nms_per_class(split_thr):
    generator = fresh_generator()
    boxes, scores = crowd(generator)
    classes = torch.randint(3, (len(boxes),), generator=generator)
    config = dict(type='nms', iou_threshold=0.5, split_thr=split_thr)
    _, kept = batched_nms(boxes, scores, classes, config)
    expected = set()
    for label in range(3):
        rows = (classes == label).nonzero().flatten()
        inner = brute_force(boxes[rows], scores[rows], 0.5)
        expected |= set(rows[inner].tolist())
    assert set(kept.tolist()) == expected
    assert torch.equal(scores[kept], scores[kept].sort(descending=True)[0])


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('method', ['naive', 'linear', 'gaussian'])
def test_soft_nms_lowers_what_the_loop_lowers(method, offset):
    settings = (0.3, 0.5, 0.05, method, offset)
    boxes, scores, expected = soft_crowd(fresh_generator(), *settings)
    dets, kept = soft_nms(boxes, scores, *settings)
    assert kept.tolist() == [index for index, _ in expected]
    lowered = torch.tensor([score for _, score in expected])
    torch.testing.assert_close(dets[:, 4], lowered, atol=1e-5, rtol=1e-4)
    assert torch.equal(dets[:, :4], boxes[kept])
