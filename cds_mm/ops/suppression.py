"""`nms` and `softnms` as `mmcv.ops` calls them."""

import torch
from torch import Tensor

from cds_mm.precision import at_least_float32

_NAIVE, _LINEAR, _GAUSSIAN = 0, 1, 2


def nms(
    boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int
) -> Tensor:
    """Drop every box that overlaps a better one by more than a threshold.

    Args:
        boxes: (N, 4), x1, y1, x2, y2 in pixels.
        scores: (N,).
        iou_threshold: an IoU of just this value is still kept.
        offset: 0 or 1; a side is as long as ``x2 - x1 + offset``.

    Returns:
        Indices of the kept boxes by falling score, int64, (K,).  Equal scores
        are in the order in which ``scores.sort`` has them.
    """
    from torchvision.ops import nms as torchvision_nms

    boxes = at_least_float32(boxes)
    if offset:
        # One pixel at the far corner lengthens the sides of the boxes and of
        # their intersections alike, which is all that `offset` does.
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    # The compiled op holds its threshold in float32.  In double, an IoU of
    # 3/5 would exceed a threshold of 0.6: float32(0.6) is above 0.6.
    threshold = torch.tensor(iou_threshold, dtype=torch.float32).item()
    # torchvision sorts stably.  Among equal scores the compiled op takes the
    # order of this sort, and who comes first may drop the others.
    order = scores.sort(0, descending=True).indices
    ranks = -torch.arange(len(order), device=boxes.device).to(boxes)
    kept = torchvision_nms(boxes[order], ranks, threshold)
    return order[kept]


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Lower the scores of boxes that overlap a better one.

    Source: "Soft-NMS: improving object detection with one line of code",
    arXiv 1704.04503.  All tensors are on the CPU, as with the compiled op.

    Args:
        boxes: (N, 4), x1, y1, x2, y2 in pixels.
        scores: (N,).
        dets: (N, 5), is overwritten: the first K rows get box and score.
        iou_threshold: from this IoU on, methods 0 and 1 act.
        sigma: width of the Gaussian of method 2.
        min_score: a box is dropped once its lowered score is below this.
        method: 0 drops, 1 lowers linearly, 2 by a Gaussian.
        offset: 0 or 1; a side is as long as ``x2 - x1 + offset``.

    Returns:
        Indices by falling lowered score, int64, (K,).
    """
    work = at_least_float32(boxes)
    left = at_least_float32(scores).to(work).clone()
    # Kept boxes, then those that wait in the order of the compiled op, on
    # which depends who comes first of boxes with one score.
    order = torch.arange(len(work))
    done = 0
    while done < len(order):
        best = _first_best(left[order[done:]]) + done
        order[[done, best]] = order[[best, done]]
        chosen = order[done]
        dets[done, :4] = boxes[chosen]
        dets[done, 4] = left[chosen]
        done += 1
        waiting = order[done:]
        overlap = _iou_with_all(work[chosen], work[waiting], offset)
        left[waiting] *= _decay(overlap, iou_threshold, sigma, method)
        dropped = left[waiting] < min_score
        order = torch.cat([order[:done], _close_gaps(waiting, dropped)])
    return order


def _first_best(scores: Tensor) -> int:
    """The first of the highest; as for the compiled op, NaN beats nobody."""
    if scores[0].isnan():
        return 0
    best = scores.nan_to_num(-torch.inf, torch.inf, -torch.inf).max()
    return int((scores == best).nonzero()[0])


def _close_gaps(waiting: Tensor, dropped: Tensor) -> Tensor:
    """Fill the places of dropped boxes with kept ones from the end."""
    count = int((~dropped).sum())
    closed = waiting[:count].clone()
    closed[dropped[:count]] = waiting[count:][~dropped[count:]].flip(0)
    return closed


def _iou_with_all(box: Tensor, boxes: Tensor, offset: int) -> Tensor:
    low = torch.maximum(box[:2], boxes[:, :2])
    high = torch.minimum(box[2:], boxes[:, 2:])
    inter = (high - low + offset).clamp(min=0).prod(dim=1)
    area = (box[2:] - box[:2] + offset).prod()
    areas = (boxes[:, 2:] - boxes[:, :2] + offset).prod(dim=1)
    return inter / (area + areas - inter)


def _decay(
    overlap: Tensor, iou_threshold: float, sigma: float, method: int
) -> Tensor:
    if method == _GAUSSIAN:
        return torch.exp(-overlap.square() / sigma)
    lowered = 1 - overlap if method == _LINEAR else torch.zeros_like(overlap)
    return torch.where(overlap >= iou_threshold, lowered, 1.0)
