"""RoIAlign through `mmcv.ops` against a loop over samples in float64."""

import math
from itertools import product

import pytest
import torch
from mmcv.ops import RoIAlign, roi_align

from cds_mm.ops import OpNotProvidedError
from cds_mm.testing import fresh_generator

ROIS = torch.tensor(
    [
        [0, 3.2, 1.7, 21.4, 17.9],
        [1, 0.0, 0.0, 30.0, 26.0],  # the whole map and beyond
        [1, -6.0, -5.0, 4.0, 9.5],  # over the upper left corner
        [0, 25.0, 20.0, 44.0, 39.0],  # over the lower right corner
        [1, 8.0, 8.0, 8.4, 8.3],  # smaller than a bin
    ]
)


def axis_taps(at, size):
    """The (at most two) pixels between which `at` lies, with weights."""
    if at < -1 or at > size:
        return []
    at = max(at, 0.0)
    low = int(at)
    if low >= size - 1:
        return [(size - 1, 1.0)]
    return [(low, 1 - (at - low)), (low + 1, at - low)]


def reference(maps, rois, size, scale, ratio, aligned):
    """Bins, samples, taps: one at a time; differentiable in `maps`."""
    half = 0.5 if aligned else 0.0
    outputs = []
    for image, *box in rois.double().tolist():
        x1, y1, x2, y2 = (value * scale - half for value in box)
        width, height = x2 - x1, y2 - y1
        if not aligned:
            width, height = max(width, 1.0), max(height, 1.0)
        steps_y = ratio or math.ceil(height / size)
        steps_x = ratio or math.ceil(width / size)
        bins = []
        for row, col in product(range(size), range(size)):
            total = maps.new_zeros(maps.shape[1])
            for i, j in [
                (a, b) for a in range(steps_y) for b in range(steps_x)
            ]:
                y = y1 + (row + (i + 0.5) / steps_y) * height / size
                x = x1 + (col + (j + 0.5) / steps_x) * width / size
                for v, weight_v in axis_taps(y, maps.shape[2]):
                    for u, weight_u in axis_taps(x, maps.shape[3]):
                        pixel = maps[int(image), :, v, u]
                        total = total + weight_v * weight_u * pixel
            bins.append(total / max(steps_y * steps_x, 1))
        outputs.append(torch.stack(bins, 1).view(-1, size, size))
    return torch.stack(outputs)


def both_ways(maps, grad, scale, ratio, aligned, rois=ROIS):
    """(output, gradient) of the op and of the reference."""
    answers = []
    for function, dtype in ((roi_align, maps.dtype), (None, torch.float64)):
        leaf = maps.detach().to(dtype, copy=True).requires_grad_()
        if function is None:
            output = reference(leaf, rois, 3, scale, ratio, aligned)
        else:
            output = roi_align(
                leaf, rois.to(dtype), (3, 3), scale, ratio, 'avg', aligned
            )
        output.backward(grad.to(output.dtype))
        answers.append((output.detach().double(), leaf.grad.double()))
    return answers


@pytest.mark.parametrize('scale', [1.0, 0.5])
@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('aligned', [True, False])
def test_output_and_gradient(aligned, ratio, scale):
    generator = fresh_generator()
    maps = torch.randn(2, 4, 15, 17, generator=generator)
    grad = torch.randn(len(ROIS), 4, 3, 3, generator=generator)
    ours, true = both_ways(maps, grad, scale, ratio, aligned)
    torch.testing.assert_close(ours[0], true[0], atol=2e-5, rtol=0)
    torch.testing.assert_close(ours[1], true[1], atol=5e-5, rtol=0)
    assert true[1].abs().sum() > 0


def test_bfloat16_is_computed_in_float32(standin_only):
    generator = fresh_generator()
    maps = torch.randn(2, 4, 15, 17, generator=generator).bfloat16()
    grad = torch.randn(len(ROIS), 4, 3, 3, generator=generator).bfloat16()
    # Only what bfloat16 holds exactly, so that both see the same regions.
    rois = ROIS.bfloat16().float()
    ours, true = both_ways(maps, grad, 0.5, 2, True, rois)
    # A single rounding to 8 bits at the end is at most 1/256 of the value.
    for mine, expected in zip(ours, true, strict=True):
        torch.testing.assert_close(mine, expected, atol=1e-3, rtol=4e-3)


def test_under_autocast_with_float32_regions(standin_only):
    generator = fresh_generator()
    maps = torch.randn(2, 4, 15, 17, generator=generator).bfloat16()
    leaf = maps.requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        output = RoIAlign(3, 0.5, 2)(leaf, ROIS)
    output.float().sum().backward()
    assert output.dtype == leaf.grad.dtype == torch.bfloat16
    true = reference(maps.detach().double(), ROIS, 3, 0.5, 2, True)
    torch.testing.assert_close(
        output.detach().double(), true, atol=1e-3, rtol=4e-3
    )


def test_no_regions():
    leaf = torch.randn(2, 4, 8, 8).requires_grad_()
    output = roi_align(leaf, torch.zeros(0, 5), (3, 3))
    output.sum().backward()
    assert output.shape == (0, 4, 3, 3)
    assert leaf.grad.abs().sum() == 0


DEGENERATE = torch.tensor(
    [
        [0, 3.0, 3.0, 3.0, 3.0],  # no area
        [1, 2.5, 4.0, 6.0, 4.0],  # no height
        [0, 0.0, 0.0, 17.0, 15.0],  # the whole map
        [1, -1.0, -1.0, 0.0, 0.0],  # up to its corner
        [0, 17.0, 15.0, 18.0, 16.0],  # from its corner on
        [1, 40.0, 40.0, 50.0, 60.0],  # outside
    ]
)


@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('size', [(15, 17), (1, 1), (1, 6)])
def test_borders_and_regions_without_area(size, aligned, ratio):
    generator = fresh_generator()
    maps = torch.randn(2, 4, *size, generator=generator)
    grad = torch.randn(len(DEGENERATE), 4, 3, 3, generator=generator)
    ours, true = both_ways(maps, grad, 1.0, ratio, aligned, DEGENERATE)
    torch.testing.assert_close(ours[0], true[0], atol=2e-5, rtol=0)
    torch.testing.assert_close(ours[1], true[1], atol=5e-5, rtol=0)


INVERTED = [[0, 5.0, 1, 2, 6], [1, 1.0, 6, 3, 2], [0, 6.0, 6, 2, 2]]


@pytest.mark.parametrize('region', INVERTED)
@pytest.mark.parametrize('ratio', [0, 2])
def test_a_region_that_ends_before_it_begins(ratio, region):
    """As on a CPU with the compiled op: refused, or a pixel in size."""
    maps = torch.randn(2, 4, 8, 8, generator=fresh_generator())
    rois = torch.tensor([[0, 1.0, 1, 2, 2], region])
    with pytest.raises(RuntimeError, match='cannot have non-negative size'):
        roi_align(maps, rois, (3, 3), 1.0, ratio, 'avg', True)
    grad = torch.ones(2, 4, 3, 3)
    ours, true = both_ways(maps, grad, 1.0, ratio, False, rois)
    for mine, exact in zip(ours, true, strict=True):
        torch.testing.assert_close(mine, exact, atol=5e-5, rtol=0)


def test_inverted_only_before_rounding():
    """Whether it ends before it begins is asked of the scaled region."""
    maps = torch.randn(1, 4, 8, 8, generator=fresh_generator())
    roi = torch.tensor([[0, 0.1, 3, 0.1 - 2**-27, 3]])
    assert roi[0, 3] < roi[0, 1]
    assert torch.isfinite(roi_align(maps, roi, (3, 3), 1.0)).all()


@pytest.mark.parametrize(
    'region',
    [
        [0, math.nan, 1, 2, 3],
        [0, 0, 0, math.inf, 3],
        [0, 0, -math.inf, 3, 3],
        [2, 0, 0, 3, 3],
        [-1, 0, 0, 3, 3],
    ],
)
@pytest.mark.parametrize('aligned', [True, False])
def test_what_is_no_region_of_the_images(aligned, region, standin_only):
    """Both ops read memory of others there, and may end the process."""
    maps = torch.randn(2, 4, 8, 8)
    rois = torch.tensor([[0, 1.0, 1, 2, 2], region])
    with pytest.raises(RuntimeError, match=r'region 1 \(x1, .* 2 images'):
        roi_align(maps, rois, (3, 3), 1.0, 2, 'avg', aligned)


def test_maps_that_are_not_contiguous():
    generator = fresh_generator()
    maps = torch.randn(2, 15, 17, 4, generator=generator).permute(0, 3, 1, 2)
    grad = torch.randn(len(ROIS), 3, 3, 4, generator=generator)
    ours, true = both_ways(maps, grad.permute(0, 3, 1, 2), 0.5, 2, True)
    for mine, exact in zip(ours, true, strict=True):
        torch.testing.assert_close(mine, exact, atol=5e-5, rtol=0)


def test_maximum_is_refused_by_name(standin_only):
    maps = torch.randn(1, 1, 8, 8)
    with pytest.raises(OpNotProvidedError, match='roi_align.*max'):
        roi_align(maps, torch.zeros(1, 5), (3, 3), 1.0, 2, 'max')
