"""Suppression through `mmcv.ops` against a loop over pairs of boxes."""

import numpy as np
import pytest
import torch
from crowds import crowd, degenerate, iou, soft_crowd
from mmcv.ops import batched_nms, nms, soft_nms

from cds_mm.testing import fresh_generator


def brute_force(boxes, scores, threshold, offset=0):
    boxes = boxes.double().tolist()
    kept = []
    for index in scores.argsort(descending=True).tolist():
        rivals = [iou(boxes[index], boxes[k], offset) for k in kept]
        if not any(value > threshold for value in rivals):
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


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.0, 0.5, 1.0])
def test_equal_scores_and_boxes_without_area(threshold, offset):
    """Who comes first of equal scores may drop the others."""
    boxes, scores = degenerate(fresh_generator())
    _, kept = nms(boxes, scores, threshold, offset=offset)
    assert kept.tolist() == brute_force(boxes, scores, threshold, offset)


def test_one_score_for_all():
    # More than the 16 that torch sorts in another way.
    boxes, _ = crowd(fresh_generator())
    scores = torch.full((len(boxes),), 0.5)
    _, kept = nms(boxes, scores, 0.5)
    assert kept.tolist() == brute_force(boxes, scores, 0.5)


def test_one_box_many_times():
    boxes = torch.tensor([[1.0, 2, 5, 6]]).repeat(20, 1)
    _, kept = nms(boxes, torch.full((20,), 0.5), 0.9)
    assert len(kept) == 1


def test_boxes_that_are_not_contiguous():
    boxes, scores = crowd(fresh_generator())
    wide = torch.cat([boxes, scores[:, None]], 1).t().contiguous().t()
    assert not wide[:, :4].is_contiguous()
    _, kept = nms(wide[:, :4], wide[:, 4], 0.5)
    assert kept.tolist() == brute_force(boxes, scores, 0.5)


def swapping_soft_nms(boxes, scores, threshold, least, method, offset):
    """As the compiled op goes about it, in numbers of 32 bits.

    The best of those left comes to the front by changing places, and the last
    takes the place of one that is dropped; the first of equals is the best.
    """
    left = [np.float32(score) for score in scores]
    corners = boxes.numpy()
    order, done = list(range(len(boxes))), 0
    while done < len(order):
        best = max(range(done, len(order)), key=lambda k: left[order[k]])
        order[done], order[best] = order[best], order[done]
        place = done + 1
        while place < len(order):
            other = order[place]
            value = iou(corners[order[done]], corners[other], offset)
            if value >= threshold:
                left[other] *= 1 - value if method == 'linear' else 0
            if left[other] < least:
                order[place] = order[-1]
                del order[-1]
            else:
                place += 1
        done += 1
    return order, [left[index] for index in order]


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('method', ['naive', 'linear'])
@pytest.mark.parametrize('least', [1e-3, 0.3])
def test_soft_nms_of_equal_scores(least, method, offset):
    boxes, scores = degenerate(fresh_generator())
    dets, kept = soft_nms(boxes, scores, 0.3, 0.5, least, method, offset)
    order, left = swapping_soft_nms(boxes, scores, 0.3, least, method, offset)
    assert kept.tolist() == order
    torch.testing.assert_close(dets[:, 4], torch.tensor(left))


def test_soft_nms_keeps_the_unknown():
    """Two boxes without area: 0/0, which is below no threshold."""
    boxes = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 4, 4]])
    scores = torch.tensor([0.9, 0.8, 0.7])
    for method in ('naive', 'linear', 'gaussian'):
        dets, kept = soft_nms(boxes, scores, 0.3, 0.5, 0.1, method)
        assert len(kept) == 3
        assert dets[:, 4].isnan().any() == (method == 'gaussian')


def test_soft_nms_of_nothing():
    dets, kept = soft_nms(torch.zeros(0, 4), torch.zeros(0))
    assert dets.shape == (0, 5)
    assert len(kept) == 0
