"""Deformable convolution through `mmcv.ops` against an explicit loop."""

import itertools
import math

import pytest
import torch
from mmcv.ops import DeformConv2d, deform_conv2d, modulated_deform_conv2d

from cds_mm.testing import fresh_generator

# channels in, channels out, kernel, stride, padding, dilation, groups,
# groups of offsets
SHAPES = [
    (2, 3, (3, 3), (1, 1), (1, 1), (1, 1), 1, 1),
    (4, 4, (3, 2), (2, 1), (1, 2), (1, 2), 2, 2),
]


def bilinear(plane, y, x):
    """Value between pixels, zero outside; y and x carry gradients."""
    low_y, low_x = math.floor(y.item()), math.floor(x.item())
    total = plane.new_zeros(())
    for v, u in itertools.product((low_y, low_y + 1), (low_x, low_x + 1)):
        if 0 <= v < plane.shape[0] and 0 <= u < plane.shape[1]:
            weight = (1 - (y - v).abs()) * (1 - (x - u).abs())
            total = total + weight * plane[v, u]
    return total


def reference(tensors, shape, modulated):
    maps, offset, weight = tensors[:3]
    _, cout, kernel, stride, padding, dilation, groups, parts = shape
    taps = kernel[0] * kernel[1]
    output = []
    for b, o in itertools.product(range(len(maps)), range(cout)):
        for row, col in itertools.product(*map(range, offset.shape[2:])):
            total = maps.new_zeros(())
            for c in range(weight.shape[1]):
                channel = o // (cout // groups) * weight.shape[1] + c
                part = channel // (maps.shape[1] // parts)
                for k in range(taps):
                    i, j = divmod(k, kernel[1])
                    at = 2 * (part * taps + k)
                    dy, dx = offset[b, at : at + 2, row, col]
                    y = row * stride[0] - padding[0] + i * dilation[0] + dy
                    x = col * stride[1] - padding[1] + j * dilation[1] + dx
                    value = bilinear(maps[b, channel], y, x)
                    if modulated:
                        value = (
                            value * tensors[3][b, part * taps + k, row, col]
                        )
                    total = total + weight[o, c, i, j] * value
            output.append(total + (tensors[4][o] if len(tensors) > 4 else 0))
    return torch.stack(output).view(len(maps), cout, *offset.shape[2:])


def inputs(shape, generator, modulated, bias):
    cin, cout, kernel, stride, padding, dilation, groups, parts = shape
    size = (4, 4)
    out = [
        (size[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1)
        // stride[d]
        + 1
        for d in (0, 1)
    ]
    taps = parts * kernel[0] * kernel[1]
    shapes = [
        (2, cin, *size),
        (2, 2 * taps, *out),
        (cout, cin // groups, *kernel),
    ]
    shapes += [(2, taps, *out)] * modulated + [(cout,)] * bias
    values = [torch.randn(s, generator=generator) for s in shapes]
    # At a whole number the gradient of an offset is one-sided, and 8 bits
    # would round many offsets to just that: keep away from it.
    whole = (2 * values[1]).floor().clamp(-6, 5)
    inside = torch.rand(shapes[1], generator=generator) * 0.9 + 0.05
    return [values[0], whole + inside, *values[2:]]


def through_host(tensors, shape, modulated):
    stride, padding, dilation, groups, parts = shape[3:]
    if not modulated:
        return deform_conv2d(
            *tensors, stride, padding, dilation, groups, parts
        )
    maps, offset, weight, mask, *bias = tensors
    bias = bias[0] if bias else None
    return modulated_deform_conv2d(
        maps,
        offset,
        mask,
        weight,
        bias,
        stride,
        padding,
        dilation,
        groups,
        parts,
    )


def compare(shape, modulated, bias, dtype, atol, rtol):
    generator = fresh_generator()
    values = inputs(shape, generator, modulated, bias)
    values = [value.to(dtype) for value in values]
    ours = [value.clone().requires_grad_() for value in values]
    true = [value.double().requires_grad_() for value in values]
    output = through_host(ours, shape, modulated)
    expected = reference(true, shape, modulated)
    grad = torch.randn(expected.shape, generator=generator).to(dtype)
    output.backward(grad)
    expected.backward(grad.double())
    assert output.dtype == dtype
    pairs = [(output, expected)]
    pairs += [(a.grad, b.grad) for a, b in zip(ours, true, strict=True)]
    for mine, exact in pairs:
        assert exact.abs().sum() > 0
        torch.testing.assert_close(mine.double(), exact, atol=atol, rtol=rtol)


@pytest.mark.parametrize('shape', SHAPES)
def test_plain(shape):
    compare(shape, False, False, torch.float32, 1e-4, 1e-4)


@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('shape', SHAPES)
def test_modulated(shape, bias):
    compare(shape, True, bias, torch.float32, 1e-4, 1e-4)


@pytest.mark.parametrize('modulated', [False, True])
def test_bfloat16(modulated, standin_only):
    # One rounding at the end of each: 1/256 of the value.
    compare(SHAPES[0], modulated, modulated, torch.bfloat16, 1e-3, 4e-3)


def test_no_offset_is_a_convolution():
    generator = fresh_generator()
    layer = DeformConv2d(3, 5, 3, padding=1)
    maps = torch.randn(2, 3, 6, 7, generator=generator)
    expected = torch.nn.functional.conv2d(maps, layer.weight, padding=1)
    output = layer(maps, torch.zeros(2, 18, 6, 7))
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-5)


def test_only_the_wanted_gradients():
    """A frozen weight: the host asks for input and offset alone."""
    maps, offset, weight = inputs(SHAPES[0], fresh_generator(), False, False)
    maps.requires_grad_()
    through_host([maps, offset, weight], SHAPES[0], False).sum().backward()
    assert maps.grad.abs().sum() > 0
    assert weight.grad is None
