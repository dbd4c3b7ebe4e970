"""Deformable convolution through `mmcv.ops` against an explicit loop."""

import pytest
import torch
from deform_reference import Shape, convolve
from mmcv.ops import DeformConv2d, deform_conv2d, modulated_deform_conv2d

from cds_mm.testing import fresh_generator

SHAPES = [
    Shape(),
    Shape(4, 4, (3, 2), (2, 1), (1, 2), (1, 2), 2, 2),
]


def inputs(shape, generator, modulated, bias):
    values = shape.draw(generator, modulated=modulated, bias=bias)
    # At a whole number the gradient of an offset is one-sided, and 8 bits
    # would round many offsets to just that: keep away from it.
    whole = (2 * values[1]).floor().clamp(-6, 5)
    inside = torch.rand(whole.shape, generator=generator) * 0.9 + 0.05
    return [values[0], whole + inside, *values[2:]]


def through_host(tensors, shape):
    more = shape[3:]
    maps, offset, weight, *rest = tensors
    if not rest:
        return deform_conv2d(maps, offset, weight, *more)
    mask, bias = (*rest, None)[:2]
    return modulated_deform_conv2d(maps, offset, mask, weight, bias, *more)


def compare(shape, values, generator, dtype, atol, rtol):
    """Output and all gradients, with those of the loop in float64."""
    values = [value.to(dtype) for value in values]
    ours = [value.clone().requires_grad_() for value in values]
    true = [value.double().requires_grad_() for value in values]
    output = through_host(ours, shape)
    expected = convolve(true, shape)
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
    generator = fresh_generator()
    values = inputs(shape, generator, False, False)
    compare(shape, values, generator, torch.float32, 1e-4, 1e-4)


@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('shape', SHAPES)
def test_modulated(shape, bias):
    generator = fresh_generator()
    values = inputs(shape, generator, True, bias)
    compare(shape, values, generator, torch.float32, 1e-4, 1e-4)


@pytest.mark.parametrize('modulated', [False, True])
def test_bfloat16(modulated, standin_only):
    generator = fresh_generator()
    values = inputs(SHAPES[0], generator, modulated, modulated)
    # One rounding at the end of each: 1/256 of the value.
    compare(SHAPES[0], values, generator, torch.bfloat16, 1e-3, 4e-3)


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
    through_host([maps, offset, weight], SHAPES[0]).sum().backward()
    assert maps.grad.abs().sum() > 0
    assert weight.grad is None
