"""What MMCV's deformable convolutions read, where torchvision's differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Geometry:
    """Where a deformable convolution samples.

    Attributes:
        stride, padding, dilation: of rows and of columns, in pixels.
        groups: of channels, each convolved by itself.
        offset_groups: of channels, each with offsets of its own.
    """

    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    offset_groups: int


def as_read(
    tensors: Sequence[Tensor], how: Geometry, size: torch.Size
) -> list[Tensor]:
    """The tensors in the shapes that the compiled op takes them to have.

    torchvision reads the numbers of groups off the shapes; MMCV takes
    them as arguments.
    Its plain op checks the shape of the offsets.  Its modulated op counts
    through the values of each image from the first on, as if offsets and mask
    had the size of the output: of a larger map (DyHead's, of the next finer
    level) it reads the head.

    Args:
        tensors: input, offset, weight; then mask and bias if modulated.
        how: groups and sampling.
        size: of the output, rows and columns.

    Raises:
        RuntimeError: the shapes do not fit each other.
    """
    input, offset, weight, *rest = tensors
    channels = weight.size(1) * how.groups
    if input.size(1) != channels:
        raise RuntimeError(
            f'deformable convolution: the input has {input.size(1)} channels, '
            f'the weight is for {channels}'
        )
    parts = how.offset_groups * weight[0, 0].numel()
    offset_shape = (len(input), 2 * parts, *size)
    if not rest:
        _check_shape(offset, offset_shape)
        return [*tensors]
    mask, *bias = rest
    offset = _head(offset, offset_shape)
    mask = _head(mask, (len(input), parts, *size))
    return [input, offset, weight, mask, *bias]


def _check_shape(offset: Tensor, shape: tuple[int, ...]) -> None:
    if offset.shape != shape:
        raise RuntimeError(
            f'deformable convolution: the offsets have shape '
            f'{tuple(offset.shape)} instead of {shape}'
        )


def _head(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    if tensor.shape == shape:
        return tensor
    images, count = shape[0], math.prod(shape[1:])
    values = tensor.flatten(1)
    if len(values) < images or values.size(1) < count:
        raise RuntimeError(
            'modulated deformable convolution: offsets or mask have shape '
            f'{tuple(tensor.shape)}, which is too few for {shape}'
        )
    return values[:images, :count].reshape(shape)


def at_border(offset: Tensor, kernel: torch.Size, how: Geometry) -> Tensor:
    """Which samples lie exactly one pixel before the first row or column.

    There a bilinear sample is 0 and begins to rise, so that its derivative is
    0 on one side and a pixel on the other.  MMCV takes the 0, torchvision the
    pixel.  It is where padded layers start, since their offsets start at 0.

    Args:
        offset: (B, 2 * offset_groups * kH * kW, H', W').
        kernel: kH and kW.
        how: groups and sampling.

    Returns:
        A mask of the shape of `offset`.
    """
    start = torch.empty(
        *kernel, 2, *offset.shape[2:], dtype=offset.dtype, device=offset.device
    )
    rows, columns = (_along(axis, kernel, offset, how) for axis in (0, 1))
    start[:, :, 0] = rows[:, None, :, None]
    start[:, :, 1] = columns[None, :, None, :]
    # Added as both of them add: -1 + 1e-9 is -1 in float32.
    places = offset.unflatten(1, (how.offset_groups, -1)) + start.flatten(0, 2)
    return (places == -1).flatten(1, 2)


def _along(
    axis: int, kernel: torch.Size, offset: Tensor, how: Geometry
) -> Tensor:
    """Where on an axis it is sampled without offsets, (kernel, size)."""
    place = torch.arange(offset.size(2 + axis), device=offset.device)
    tap = torch.arange(kernel[axis], device=offset.device)
    first = place * how.stride[axis] - how.padding[axis]
    return first + tap[:, None] * how.dilation[axis]
