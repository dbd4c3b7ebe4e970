"""Deformable convolution where training starts: offsets of 0, masks of 1/2.

Then padded layers sample at -1, where the derivative has two sides.
"""

import pytest
import torch
from deform_reference import Shape, convolve
from mmcv.ops import DeformConv2dPack, ModulatedDeformConv2dPack
from test_deform_conv import compare, through_host

from cds_mm.testing import fresh_generator

SHAPES = [
    Shape(),
    Shape(padding=(0, 0)),
    Shape(padding=(2, 2)),
    Shape(dilation=(2, 2), padding=(2, 1)),
    Shape(stride=(2, 2)),
    Shape(4, 4, groups=2),
    Shape(4, 2, parts=2, kernel=(3, 2), stride=(2, 1)),
    Shape(4, 4, (1, 3), (1, 2), (1, 2), (1, 1), 2, 2),
]


@pytest.mark.parametrize('modulated', [False, True])
@pytest.mark.parametrize('shape', SHAPES)
def test_offsets_of_zero(shape, modulated):
    generator = fresh_generator()
    values = shape.draw(generator, (4, 5), modulated, modulated)
    values[1].zero_()
    if modulated:
        values[3].fill_(0.5)
    compare(shape, values, generator, torch.float32, 1e-4, 1e-4)


@pytest.mark.parametrize('modulated', [False, True])
@pytest.mark.parametrize('shape', SHAPES)
def test_whole_offsets(shape, modulated):
    """Whole pixels to all sides, beyond every border of the map too."""
    generator = fresh_generator()
    values = shape.draw(generator, (4, 5), modulated, modulated)
    values[1] = (3 * values[1]).round().clamp(-6, 6)
    compare(shape, values, generator, torch.float32, 1e-4, 1e-4)


@pytest.mark.parametrize('size', [(1, 1), (1, 4), (3, 1)])
def test_maps_of_one_pixel(size):
    generator = fresh_generator()
    values = Shape().draw(generator, size, True, True)
    values[1] = values[1].round()
    # The middle of the kernel stays, so that something of the map is read.
    values[1][:, 8:10] = 0
    compare(Shape(), values, generator, torch.float32, 1e-4, 1e-4)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_narrow_offsets_of_zero(dtype, standin_only):
    generator = fresh_generator()
    values = Shape().draw(generator, modulated=True)
    values[1].zero_()
    compare(Shape(), values, generator, dtype, 2e-3, 4e-3)


def test_an_offset_that_rounding_loses():
    """-1 + 1e-9 is -1 in float32, and there the derivative is 0."""
    generator = fresh_generator()
    shape = Shape()
    maps, offset, weight = shape.draw(generator)
    gradients = []
    for value in (0, 1e-9, -1e-9):
        leaf = torch.full_like(offset, value).requires_grad_()
        through_host([maps, leaf, weight], shape).sum().backward()
        gradients.append(leaf.grad)
    # Taps 0 to 2 see row -1 from the first row.
    assert gradients[0][:, 0:6:2, 0].abs().max() == 0
    assert torch.equal(gradients[0][:, 0:6:2, 0], gradients[1][:, 0:6:2, 0])
    assert torch.equal(gradients[0][:, 0:6:2, 0], gradients[2][:, 0:6:2, 0])
    assert gradients[0].abs().sum() > 0


def test_channels_last():
    generator = fresh_generator()
    values = Shape().draw(generator, (4, 5), True, True)
    values[1] = values[1].round()
    last = [
        value.to(memory_format=torch.channels_last)
        if value.dim() == 4
        else value
        for value in values
    ]
    assert not last[1].is_contiguous()
    compare(Shape(), last, generator, torch.float32, 1e-4, 1e-4)


@pytest.mark.parametrize('kind', [DeformConv2dPack, ModulatedDeformConv2dPack])
def test_a_new_layer_learns_its_offsets_as_the_formula_says(kind):
    """The gradient of the layer that predicts the offsets, in its first step.

    With torchvision's derivative it was 13 % off on such a map.
    """
    generator = fresh_generator()
    torch.manual_seed(generator.initial_seed())
    layer = kind(2, 3, 3, padding=1)
    modulated = kind is ModulatedDeformConv2dPack
    maps = torch.randn(2, 2, 4, 4, generator=generator)
    grad = torch.randn(2, 3, 4, 4, generator=generator)
    layer(maps).backward(grad)

    true = kind(2, 3, 3, padding=1).double()
    true.load_state_dict(layer.state_dict())
    given = true.conv_offset(maps.double())
    tensors = [maps.double(), given[:, :18], true.weight]
    if modulated:
        tensors += [given[:, 18:].sigmoid(), true.bias]
    convolve(tensors, Shape()).backward(grad.double())

    expected = true.conv_offset.bias.grad
    assert expected[:18].abs().sum() > 0
    for mine, exact in (
        (layer.conv_offset.bias.grad, expected),
        (layer.conv_offset.weight.grad, true.conv_offset.weight.grad),
        (layer.weight.grad, true.weight.grad),
    ):
        torch.testing.assert_close(mine.double(), exact, atol=1e-4, rtol=1e-4)
