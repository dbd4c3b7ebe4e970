"""Deformable convolution from its formula, a sample at a time, in float64.

MMCV's rules: a sample is bilinear between the pixels around it, pixels outside
of the map are 0, and from one pixel outside on it is 0 with all derivatives.
At a whole number the derivative is that to the right.
"""

import itertools
import math
from typing import NamedTuple

import torch


class Shape(NamedTuple):
    """Of a layer; `groups` of channels, `parts` that share their offsets."""

    cin: int = 2
    cout: int = 3
    kernel: tuple = (3, 3)
    stride: tuple = (1, 1)
    padding: tuple = (1, 1)
    dilation: tuple = (1, 1)
    groups: int = 1
    parts: int = 1

    def output(self, size):
        """Rows and columns of the output for those of the input."""
        return [
            (n + 2 * pad - step * (taps - 1) - 1) // stride + 1
            for n, pad, step, taps, stride in zip(
                size,
                self.padding,
                self.dilation,
                self.kernel,
                self.stride,
                strict=True,
            )
        ]

    @property
    def taps(self):
        return self.kernel[0] * self.kernel[1]

    def draw(self, generator, size=(4, 4), modulated=False, bias=False):
        """Random input, offset, weight, mask and bias for two images."""
        out = self.output(size)
        shapes = [
            (2, self.cin, *size),
            (2, 2 * self.parts * self.taps, *out),
            (self.cout, self.cin // self.groups, *self.kernel),
        ]
        shapes += [(2, self.parts * self.taps, *out)] * modulated
        shapes += [(self.cout,)] * bias
        return [torch.randn(shape, generator=generator) for shape in shapes]


def bilinear(maps, y, x):
    """(C,) between the pixels of (C, H, W)."""
    height, width = maps.shape[1:]
    if y <= -1 or y >= height or x <= -1 or x >= width:
        return maps.new_zeros(len(maps))
    top, left = math.floor(y.item()), math.floor(x.item())
    total = maps.new_zeros(len(maps))
    for v, weight_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for u, weight_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            if 0 <= v < height and 0 <= u < width:
                total = total + weight_y * weight_x * maps[:, v, u]
    return total


def convolve(tensors, shape):
    """The output; differentiable in input, offset, weight, mask and bias."""
    maps, offset, weight, *rest = tensors
    images = [
        _place(image, row, col, tensors, shape)
        for image in range(len(maps))
        for row, col in itertools.product(*map(range, offset.shape[2:]))
    ]
    output = torch.stack(images).view(len(maps), -1, weight.shape[0])
    output = output.transpose(1, 2).unflatten(2, offset.shape[2:])
    return output + rest[1][:, None, None] if len(rest) > 1 else output


def _place(image, row, col, tensors, shape):
    """(O,) at one place of the output."""
    maps, offset, weight, *rest = tensors
    seen = []
    parts = maps[image].unflatten(0, (shape.parts, -1))
    for part, tap in itertools.product(range(shape.parts), range(shape.taps)):
        i, j = divmod(tap, shape.kernel[1])
        at = part * shape.taps + tap
        dy, dx = offset[image, 2 * at : 2 * at + 2, row, col]
        y = row * shape.stride[0] - shape.padding[0] + i * shape.dilation[0]
        x = col * shape.stride[1] - shape.padding[1] + j * shape.dilation[1]
        value = bilinear(parts[part], y + dy, x + dx)
        seen.append(value * rest[0][image, at, row, col] if rest else value)
    # (parts, taps, C / parts) -> (groups, C / groups, taps)
    columns = torch.stack(seen).unflatten(0, (shape.parts, -1))
    columns = columns.transpose(1, 2).flatten(0, 1)
    columns = columns.unflatten(0, (shape.groups, -1))
    kernels = weight.flatten(2).unflatten(0, (shape.groups, -1))
    return torch.einsum('gct,goct->go', columns, kernels).flatten()
