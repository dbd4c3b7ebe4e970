"""Colour operations on batches of tensors, in floating point.

Images are (B, 3, H, W) RGB in [0, 255].  Each operation is that of
torchvision on floating-point tensors, but with a parameter for each sample,
and nothing is rounded between two of them.
"""

import torch
from torch import Tensor

WHITE = 255.0
_LUMA = (0.2989, 0.587, 0.114)  # torchvision's, for tensors


def as_float(images: Tensor) -> Tensor:
    """float32 with the planes of the colours apart, quick to work on."""
    return images.to(torch.float32, memory_format=torch.contiguous_format)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with black, in place (float torchvision's of that name)."""
    return images.mul_(factor).clamp_(0, WHITE)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the mean grey of each image, in place."""
    mean = luma(images).mean((1, 2, 3), keepdim=True)
    return images.mul_(factor).add_(mean * (1 - factor)).clamp_(0, WHITE)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the grey of each pixel, in place."""
    grey = luma(images).mul_(1 - factor)
    return images.mul_(factor).add_(grey).clamp_(0, WHITE)


def adjust_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Turn the hue of HSV, in place.

    In sixths of a turn, the hue of a pixel is ``1 + (g + b - r - min) / c``
    away from red, c being its chroma, towards green where g >= b and towards
    blue elsewhere.  A channel has all of the chroma up to one sixth from its
    own place, and none from two sixths on.  That is torchvision's formula
    without its cases, which are slow on a CPU.
    """
    red, green, blue = images.unbind(1)
    low = torch.minimum(torch.minimum(red, green), blue)
    chroma = torch.maximum(torch.maximum(red, green), blue).sub_(low)
    towards = green - blue
    hue = (green + blue).sub_(red).sub_(low)
    hue.div_(chroma.clamp(min=1e-6)).add_(1)
    hue.copysign_(towards).add_(6 * turns[:, 0])
    hue.sub_((hue / 6).round_(), alpha=6)  # between -3 and 3
    for channel, place in enumerate((0, 2, -2)):
        # 3 minus the way from the place, around the circle.
        share = (hue - place).abs_().sub_(3).abs_().sub_(1).clamp_(0, 1)
        torch.addcmul(low, chroma, share, out=images[:, channel])
    return images


def luma(images: Tensor) -> Tensor:
    """The grey (B, 1, H, W) of RGB images, unrounded."""
    red, green, blue = images.split(1, dim=1)
    grey = red * _LUMA[0]
    return grey.add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])
