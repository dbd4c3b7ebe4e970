"""Multi-scale deformable attention through `mmcv.ops` against a loop."""

import math
from itertools import product

import pytest
import torch
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction

from cds_mm.testing import fresh_generator

# The compiled op answers on a GPU only.
pytestmark = pytest.mark.usefixtures('standin_only')
SHAPES = torch.tensor([[3, 4], [2, 2]])
STARTS = torch.tensor([0, 12])
BATCH, QUERIES, HEADS, POINTS, WIDTH = 2, 3, 2, 2, 4


def sample(plane, y, x):
    """(D,) at a place between pixels of (H, W, D); zero outside."""
    low_y, low_x = math.floor(y.item()), math.floor(x.item())
    total = plane.new_zeros(plane.shape[-1])
    for v, u in product((low_y, low_y + 1), (low_x, low_x + 1)):
        if 0 <= v < plane.shape[0] and 0 <= u < plane.shape[1]:
            weight = (1 - (y - v).abs()) * (1 - (x - u).abs())
            total = total + weight * plane[v, u]
    return total


def reference(value, locations, weights):
    rows = []
    for b, q, h in product(range(BATCH), range(QUERIES), range(HEADS)):
        total = value.new_zeros(WIDTH)
        for level, point in product(range(len(SHAPES)), range(POINTS)):
            height, width = SHAPES[level].tolist()
            start = STARTS[level].item()
            plane = value[b, start : start + height * width, h]
            x, y = locations[b, q, h, level, point]
            # 0..1 spans the map from edge to edge; pixels sit half inside.
            seen = sample(
                plane.view(height, width, WIDTH),
                y * height - 0.5,
                x * width - 0.5,
            )
            total = total + weights[b, q, h, level, point] * seen
        rows.append(total)
    return torch.stack(rows).view(BATCH, QUERIES, HEADS * WIDTH)


@pytest.mark.parametrize(
    ('dtype', 'atol', 'rtol'),
    [(torch.float32, 1e-4, 1e-4), (torch.float16, 2e-3, 1e-3)],
)
def test_output_and_gradients(dtype, atol, rtol):
    generator = fresh_generator()
    points = (BATCH, QUERIES, HEADS, len(SHAPES), POINTS)
    value = torch.randn(BATCH, 16, HEADS, WIDTH, generator=generator)
    # Eighths and a bit: on no map is that a pixel, where gradients jump.
    eighths = torch.randint(-1, 9, (*points, 2), generator=generator)
    locations = eighths / 8 + 0.046875
    weights = torch.rand(points, generator=generator)
    values = [tensor.to(dtype) for tensor in (value, locations, weights)]

    ours = [tensor.clone().requires_grad_() for tensor in values]
    true = [tensor.double().requires_grad_() for tensor in values]
    output = MultiScaleDeformableAttnFunction.apply(
        ours[0], SHAPES, STARTS, ours[1], ours[2], 64
    )
    expected = reference(*true)
    grad = torch.randn(expected.shape, generator=generator).to(dtype)
    output.backward(grad)
    expected.backward(grad.double())

    assert output.dtype == dtype
    pairs = [(output, expected)]
    pairs += [(a.grad, b.grad) for a, b in zip(ours, true, strict=True)]
    for mine, exact in pairs:
        assert exact.abs().sum() > 0
        torch.testing.assert_close(mine.double(), exact, atol=atol, rtol=rtol)


def start_of_a_detector(dtype):
    """Points as an encoder of Deformable DETR has them before it has learned.

    Every place of each map looks 0 to 3 of its pixels to each of eight sides:
    at whole pixels, some on its border, some just outside.
    """
    shapes = torch.tensor([[6, 9], [3, 5], [1, 1]])
    directions = torch.arange(HEADS * 4) * (math.tau / (HEADS * 4))
    steps = torch.stack([directions.cos(), directions.sin()], -1)
    steps = steps / steps.abs().amax(-1, keepdim=True)
    centres = []
    for height, width in shapes.tolist():
        y, x = torch.meshgrid(
            torch.arange(height), torch.arange(width), indexing='ij'
        )
        centres.append(
            torch.stack([(x + 0.5) / width, (y + 0.5) / height], -1).view(
                -1, 2
            )
        )
    # (queries, heads, levels, points, 2)
    offsets = steps[:, None, None] * torch.arange(4)[:, None]
    offsets = offsets / shapes.flip(1)[:, None]
    locations = torch.cat(centres)[:, None, None, None] + offsets
    return shapes, locations[None].repeat(BATCH, 1, 1, 1, 1, 1).to(dtype)


def derivatives(shapes, value, locations, weights, grad):
    """Output and derivatives, in float64 from the pixels on.

    Which pixels lie around a point is decided in float32, as by the compiled
    op: `location * size - 0.5`, and its floor.
    """
    images, queries, heads, levels, points = weights.shape
    output = torch.zeros(grad.shape, dtype=torch.float64)
    by = [
        torch.zeros(tensor.shape, dtype=torch.float64)
        for tensor in (value, locations, weights)
    ]
    starts = [0, *shapes.prod(1).cumsum(0).tolist()]
    for at in product(*map(range, (images, queries, heads, levels, points))):
        b, q, h, level, _ = at
        height, width = shapes[level].tolist()
        x, y = (locations[at] * shapes[level].flip(0) - 0.5).tolist()
        if not (-1 < x < width and -1 < y < height):
            continue
        left, top = math.floor(x), math.floor(y)
        down, right = y - top, x - left
        for v, share_y, slope_y in ((0, 1 - down, -1), (1, down, 1)):
            for u, share_x, slope_x in ((0, 1 - right, -1), (1, right, 1)):
                if not (0 <= top + v < height and 0 <= left + u < width):
                    continue
                pixel = starts[level] + (top + v) * width + left + u
                seen = value[b, pixel, h].double()
                pull = (seen * grad[b, q, h].double()).sum()
                weight = weights[at].double()
                output[b, q, h] += weight * share_x * share_y * seen
                by[0][b, pixel, h] += (
                    weight * share_x * share_y * grad[b, q, h].double()
                )
                by[1][at] += (
                    weight
                    * pull
                    * torch.tensor(
                        [slope_x * share_y * width, slope_y * share_x * height]
                    )
                )
                by[2][at] += share_x * share_y * pull
    return output, *by


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_where_a_detector_starts(dtype):
    generator = fresh_generator()
    shapes, locations = start_of_a_detector(dtype)
    locations = locations[:, ::6]
    pixels = int(shapes.prod(1).sum())
    value = torch.randn(BATCH, pixels, HEADS * 4, WIDTH, generator=generator)
    weights = torch.rand(locations.shape[:-1], generator=generator)
    grad = torch.randn(
        BATCH, locations.shape[1], HEADS * 4, WIDTH, generator=generator
    )
    tensors = [value.to(dtype), locations, weights.to(dtype)]
    ours = [tensor.clone().requires_grad_() for tensor in tensors]
    starts = torch.tensor([0, *shapes.prod(1).cumsum(0)[:-1]])
    output = MultiScaleDeformableAttnFunction.apply(
        ours[0], shapes, starts, ours[1], ours[2], 64
    )
    output.backward(grad.to(dtype).flatten(2))
    expected = derivatives(shapes, *tensors, grad.to(dtype))
    answers = [output.unflatten(2, grad.shape[2:])]
    answers += [leaf.grad for leaf in ours]
    for mine, exact in zip(answers, expected, strict=True):
        assert exact.abs().sum() > 0
        torch.testing.assert_close(mine.double(), exact, atol=1e-4, rtol=1e-4)


def test_points_that_are_not_numbers_are_seen_nowhere():
    value = torch.ones(1, 16, 1, 2).requires_grad_()
    locations = torch.full((1, 1, 1, 2, 1, 2), torch.nan)
    locations[..., 1, :, :] = torch.inf
    weights = torch.ones(1, 1, 1, 2, 1).requires_grad_()
    leaf = locations.requires_grad_()
    output = MultiScaleDeformableAttnFunction.apply(
        value, SHAPES, STARTS, leaf, weights, 64
    )
    output.sum().backward()
    for tensor in (value, leaf, weights):
        assert tensor.grad.abs().sum() == 0


def test_in_evaluation_of_no_queries():
    output = MultiScaleDeformableAttnFunction.apply(
        torch.ones(1, 16, 2, 4),
        SHAPES,
        STARTS,
        torch.zeros(1, 0, 2, 2, 3, 2),
        torch.zeros(1, 0, 2, 2, 3),
        64,
    )
    assert output.shape == (1, 0, 8)
