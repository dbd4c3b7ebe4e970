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
