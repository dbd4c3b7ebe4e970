"""Bilinear samples of a map, with the derivatives of MMCV's kernels."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor


class _Corner(NamedTuple):
    """One of the four pixels around each sample.

    Attributes:
        pixel: which of the map, row by row; 0 for what is outside of it.
        share: of the pixel in the sample, 0 outside of the map.
        slopes: of the share, per pixel of x and of y, 0 outside of the map.
    """

    pixel: Tensor
    share: Tensor
    slopes: tuple[Tensor, Tensor]


class Samples:
    """Where a map is sampled.

    Pixels outside of the map are 0.  A sample that is a whole pixel or more
    outside is 0 with all its derivatives; at a whole number the derivative is
    that to the right.

    Args:
        locations: (B, queries, heads, points, 2), x and y in 0..1 over the
            map from edge to edge.
        size: rows and columns of the map.
    """

    def __init__(self, locations: Tensor, size: tuple[int, int]):
        self._height, self._width = size
        # Rounded as the kernel does, since that decides between two pixels.
        x = locations[..., 0] * self._width - 0.5
        y = locations[..., 1] * self._height - 0.5
        self._seen = (y > -1) & (x > -1) & (y < self._height)
        self._seen &= x < self._width
        self._x, self._y = x.where(self._seen, 0), y.where(self._seen, 0)

    def _corners(self) -> Iterator[_Corner]:
        left, top = self._x.floor(), self._y.floor()
        for down in (0, 1):
            for right in (0, 1):
                row, column = top.long() + down, left.long() + right
                there = self._seen & (row >= 0) & (row < self._height)
                there &= (column >= 0) & (column < self._width)
                share_x, slope_x = _linear(self._x - left, right)
                share_y, slope_y = _linear(self._y - top, down)
                yield _Corner(
                    (row * self._width + column).where(there, 0),
                    share_x * share_y * there,
                    (slope_x * share_y * there, slope_y * share_x * there),
                )

    def gradients(
        self, value: Tensor, weights: Tensor, grad: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Derivatives of a sum of the samples, each times a weight.

        Args:
            value: the map, (B, height * width, heads, D).
            weights: of the samples, (B, queries, heads, points).
            grad: of the sums, (B, queries, heads, D).

        Returns:
            The derivatives for value, locations and weights.
        """
        by_value = torch.zeros(
            value.shape, dtype=value.dtype, device=value.device
        )
        by_x, by_y, by_weight = (torch.zeros_like(weights) for _ in range(3))
        images, heads = (
            torch.arange(value.size(axis), device=value.device).view(shape)
            for axis, shape in ((0, (-1, 1, 1, 1)), (2, (-1, 1)))
        )
        for corner in self._corners():
            at = (images, corner.pixel, heads)
            response = torch.einsum('bqhpd,bqhd->bqhp', value[at], grad)
            by_weight += response * corner.share
            by_x += response * corner.slopes[0]
            by_y += response * corner.slopes[1]
            given = (weights * corner.share)[..., None] * grad[:, :, :, None]
            by_value.index_put_(at, given, accumulate=True)
        slopes = torch.stack((by_x * self._width, by_y * self._height), -1)
        return by_value, slopes * weights[..., None], by_weight


def _linear(part: Tensor, far: int) -> tuple[Tensor, int]:
    """Share and slope of the near or the far one of two neighbours."""
    return (part, 1) if far else (1 - part, -1)
