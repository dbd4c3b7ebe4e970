"""Offsets of another size than the output, as DyHead has them."""

import pytest
import torch
from deform_reference import Shape, convolve
from mmcv.ops import deform_conv2d, modulated_deform_conv2d
from test_deform_conv import through_host

from cds_mm.testing import fresh_generator


def head(tensor, like):
    """What the compiled op reads: it counts on from each image's start."""
    values = [image.flatten()[: like[0].numel()] for image in tensor]
    return torch.stack(values[: len(like)]).view_as(like)


def both_ways(shape, values, extra):
    """(output, gradients) of the op and of the loop over the heads.

    Args:
        shape: of the layer.
        values: input, offset, weight, mask, bias that fit each other.
        extra: offset and mask to be used in their places.
    """
    answers = []
    for dtype in (torch.float32, torch.float64):
        leaves = [
            value.detach().to(dtype).requires_grad_()
            for value in (values[0], extra[0], values[2], extra[1], values[4])
        ]
        if dtype == torch.float32:
            output = through_host(leaves, shape)
        else:
            read = list(leaves)
            read[1], read[3] = (
                head(leaves[1], values[1]),
                head(leaves[3], values[3]),
            )
            output = convolve(read, shape)
        weights = torch.arange(output.numel()).view_as(output).cos()
        (output * weights).sum().backward()
        answers.append((output.detach(), *(leaf.grad for leaf in leaves)))
    return answers


@pytest.mark.parametrize('factor', [(2, 2), (3, 1)])
@pytest.mark.parametrize(
    'shape',
    [
        Shape(),
        Shape(stride=(2, 2)),
        Shape(4, 4, groups=2, parts=2),
        Shape(2, 2, (1, 1), padding=(0, 0)),
    ],
)
@pytest.mark.parametrize('zero', [False, True])
def test_the_head_of_a_larger_map_is_read(zero, shape, factor):
    generator = fresh_generator()
    values = shape.draw(generator, (3, 4), modulated=True, bias=True)
    extra = [
        torch.randn(
            *value.shape[:2],
            value.shape[2] * factor[0],
            value.shape[3] * factor[1],
            generator=generator,
        )
        for value in (values[1], values[3])
    ]
    if zero:
        extra[0].zero_()
    for mine, exact in zip(*both_ways(shape, values, extra), strict=True):
        torch.testing.assert_close(mine.double(), exact, atol=1e-4, rtol=1e-4)
    # What lies behind the head is not read, so it has no slope.
    leaf = extra[0].requires_grad_()
    tensors = [values[0], leaf, values[2], extra[1], values[4]]
    through_host(tensors, shape).sum().backward()
    assert leaf.grad.flatten(1)[:, values[1][0].numel() :].abs().sum() == 0


def test_more_channels_and_more_images_than_are_read():
    generator = fresh_generator()
    values = Shape().draw(generator, modulated=True, bias=True)
    extra = [
        torch.randn(3, value.shape[1] + 5, *value.shape[2:])
        for value in (values[1], values[3])
    ]
    for mine, exact in zip(*both_ways(Shape(), values, extra), strict=True):
        torch.testing.assert_close(mine.double(), exact, atol=1e-4, rtol=1e-4)


def test_slices_of_one_map_as_dyhead_takes_them():
    """Not contiguous over the images, each of which is."""
    generator = fresh_generator()
    values = Shape().draw(generator, modulated=True, bias=True)
    both = torch.randn(2, 27, 8, 8, generator=generator)
    extra = [both[:, :18], both[:, 18:].sigmoid()]
    assert not extra[0].is_contiguous()
    for mine, exact in zip(*both_ways(Shape(), values, extra), strict=True):
        torch.testing.assert_close(mine.double(), exact, atol=1e-4, rtol=1e-4)


def test_a_head_that_fits_is_read_as_before():
    """A view of all: the same bits as with offsets of the output's size."""
    generator = fresh_generator()
    maps, offset, weight, mask, bias = Shape().draw(
        generator, modulated=True, bias=True
    )
    larger = [
        torch.cat([value.flatten(1), torch.randn(2, 6)], 1)[:, :, None, None]
        for value in (offset, mask)
    ]
    fitting = modulated_deform_conv2d(maps, offset, mask, weight, bias, 1, 1)
    read = modulated_deform_conv2d(maps, *larger, weight, bias, 1, 1)
    assert torch.equal(fitting, read)


def test_offsets_that_are_too_small_are_refused(standin_only):
    """The compiled op reads, and writes, memory of others."""
    maps, offset, weight, mask = Shape().draw(
        fresh_generator(), modulated=True
    )
    for less in (offset[..., :-1], offset[:1], offset[:, :-1]):
        with pytest.raises(RuntimeError, match='offsets or mask have shape'):
            modulated_deform_conv2d(maps, less, mask, weight, None, 1, 1)
    with pytest.raises(RuntimeError, match='offsets or mask have shape'):
        modulated_deform_conv2d(
            maps, offset, mask[:, :, 1:], weight, None, 1, 1
        )


@pytest.mark.parametrize(
    'size', [(2, 18, 8, 8), (2, 18, 4, 3), (2, 36, 4, 4), (2, 16, 4, 4)]
)
def test_the_plain_op_takes_offsets_of_its_output_alone(size):
    """As MMCV's; torchvision would see two groups in 36 channels."""
    maps, _, weight = Shape().draw(fresh_generator())
    with pytest.raises(RuntimeError):
        deform_conv2d(maps, torch.zeros(size), weight, 1, 1)


@pytest.mark.parametrize('modulated', [False, True])
def test_a_weight_for_other_groups_is_refused(modulated):
    """torchvision would take it for two groups of channels."""
    shape = Shape(4, 4, groups=2)
    tensors = shape.draw(fresh_generator(), modulated=modulated)
    assert through_host(tensors, shape).shape == (2, 4, 4, 4)
    with pytest.raises(RuntimeError):
        through_host(tensors, shape._replace(groups=1))


def test_dyhead_trains():
    from mmdet.models.necks import DyHead

    torch.manual_seed(fresh_generator().initial_seed())
    neck = DyHead(16, 16, num_blocks=1)
    maps = [torch.randn(2, 16, n, n + 1) for n in (12, 6, 3)]
    outputs = neck(maps)
    sum(output.square().mean() for output in outputs).backward()
    assert [output.shape for output in outputs] == [m.shape for m in maps]
    offsets = neck.dyhead_blocks[0].spatial_conv_offset
    assert torch.isfinite(offsets.weight.grad).all()
    assert offsets.weight.grad.abs().sum() > 0
