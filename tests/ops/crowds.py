"""Boxes that overlap, of which nothing is a matter of rounding."""

import math

import torch


def crowd(generator, count=120, dtype=torch.float32):
    """Boxes that overlap a lot, with scores of which no two are equal.

    In sixteenths of a pixel, areas are exact in float32, and an IoU that is
    not the threshold differs from it by more than float32 rounds.
    """
    half = count // 2
    corners = torch.randint(60 * 16, (half, 2), generator=generator) / 16
    sides = torch.randint(16, 41 * 16, (half, 2), generator=generator) / 16
    boxes = torch.cat([corners, corners + sides], dim=1)
    # Each has a neighbour a sixteenth aside: an IoU of at least 15/17, so
    # that whatever is drawn something is suppressed.
    aside = torch.tensor([1.0, 0, 1, 0]) / 16
    boxes = torch.cat([boxes, boxes + aside]).to(dtype)
    # 1/256 apart: bfloat16 can still tell them apart between 0.5 and 1.
    order = torch.randperm(count, generator=generator)
    return boxes, (0.5 + order / 256).to(dtype)


def iou(a, b, offset):
    """IoU of two boxes, in Python floats."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + offset
    height = min(a[3], b[3]) - max(a[1], b[1]) + offset
    inter = max(width, 0) * max(height, 0)
    areas = [(c[2] - c[0] + offset) * (c[3] - c[1] + offset) for c in (a, b)]
    union = sum(areas) - inter
    return inter / union if union else math.nan


def degenerate(generator, count=60):
    """Whole-pixel boxes, some without area, and few different scores.

    Many are equal, many IoUs are 0, 1 or 0/0.
    """
    corners = torch.randint(8, (count, 2), generator=generator).float()
    sides = torch.randint(5, (count, 2), generator=generator)
    scores = torch.randint(1, 5, (count,), generator=generator) / 4
    return torch.cat([corners, corners + sides], 1), scores


def soft_crowd(generator, threshold, sigma, least, method, offset):
    """Boxes and scores for Soft-NMS, and the (index, score) that it keeps.

    Lowered scores can come as close as they like.  What float32 rounds in
    60 steps (2e-7 in each, for the IoU and the product) could swap two of
    them, so a crowd with a closer choice, one in eight, is drawn anew.
    """
    margin = 0
    while margin < 2e-5:
        boxes, scores = crowd(generator, count=60)
        kept, margin = _soft_brute_force(
            boxes, scores, threshold, sigma, least, method, offset
        )
    return boxes, scores, kept


def _soft_brute_force(boxes, scores, threshold, sigma, least, method, offset):
    boxes = boxes.double().tolist()
    left = dict(enumerate(scores.double().tolist()))
    kept, margin = [], math.inf
    while left:
        best = max(left, key=left.get)
        kept.append((best, left.pop(best)))
        margin = min(
            [margin, *(kept[-1][1] - score for score in left.values())]
        )
        for index in list(left):
            value = iou(boxes[best], boxes[index], offset)
            if method == 'gaussian':
                left[index] *= math.exp(-(value**2) / sigma)
            elif value >= threshold:
                left[index] *= 1 - value if method == 'linear' else 0
            margin = min(margin, abs(left[index] - least))
            if left[index] < least:
                del left[index]
    return kept, margin
