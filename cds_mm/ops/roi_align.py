"""`roi_align_forward` and `roi_align_backward` as `mmcv.ops` calls them."""

import torch
from torch import Tensor

from cds_mm.ops.not_provided import OpNotProvidedError
from cds_mm.precision import at_least_float32

_AVERAGE = 1


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Average bilinear samples in the bins of each region.

    Args:
        input: (B, C, H, W).
        rois: (K, 5), image index, x1, y1, x2, y2 in pixels of the image.
        output: (K, C, aligned_height, aligned_width), is overwritten.
        argmax_y, argmax_x: only pooling by maximum uses them.
        aligned_height, aligned_width: bins per region.
        spatial_scale: pixels of the map per pixel of the image.
        sampling_ratio: samples per bin and axis; 0 takes one per pixel.
        pool_mode: 1 averages; 0 (maximum) is not provided.
        aligned: shifts the samples by half a pixel.

    Raises:
        OpNotProvidedError: for pooling by maximum.
        RuntimeError: on the CPU, if a region is not finite or of none of the
            images, or ends before it begins and `aligned` is set (without
            it, sides are at least a pixel).
    """
    _only_average(pool_mode)
    size = (aligned_height, aligned_width)
    options = (spatial_scale, sampling_ratio, aligned)
    output.copy_(_align(at_least_float32(input), rois, size, *options))


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Gradient of `roi_align_forward` with respect to its input.

    Args:
        grad_output: (K, C, aligned_height, aligned_width).
        grad_input: (B, C, H, W), is overwritten.
        The others as in `roi_align_forward`.

    Raises:
        OpNotProvidedError: for pooling by maximum.
    """
    _only_average(pool_mode)
    grad = at_least_float32(grad_output)
    size = (aligned_height, aligned_width)
    options = (spatial_scale, sampling_ratio, aligned)
    # The op is linear, so its gradient does not depend on where it is taken:
    # zeros do, and the input need not be kept.  Going through torchvision's
    # public function keeps its deterministic mode working too.
    with torch.enable_grad():
        origin = grad.new_zeros(grad_input.shape).requires_grad_()
        output = _align(origin, rois, size, *options)
    grad_input.copy_(torch.autograd.grad(output, origin, grad)[0])


def _align(
    maps: Tensor,
    rois: Tensor,
    size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    from torchvision.ops import roi_align

    rois = rois.to(maps.dtype)
    if rois.device.type == 'cpu':
        _check_regions(rois, len(maps), spatial_scale, aligned)
    return roi_align(maps, rois, size, spatial_scale, sampling_ratio, aligned)


def _check_regions(
    rois: Tensor, images: int, spatial_scale: float, aligned: bool
) -> None:
    # On a GPU neither op looks, since that would wait for it.  On the CPU
    # torchvision reads foreign memory, or asks for more than there is.
    index, low, high = rois[:, 0], rois[:, 1:3], rois[:, 3:5]
    good = (index >= 0) & (index < images) & rois.isfinite().all(dim=1)
    if not good.all():
        raise RuntimeError(
            f'roi_align: {_first(rois, good)} is no region of {images} images'
        )
    sides = (high * spatial_scale - 0.5) - (low * spatial_scale - 0.5)
    good = (sides >= 0).all(dim=1)
    if aligned and not good.all():
        raise RuntimeError(
            'ROIs in ROIAlign cannot have non-negative size! '
            f'{_first(rois, good)} ends before it begins'
        )


def _first(rois: Tensor, good: Tensor) -> str:
    row = int(good.logical_not().nonzero()[0])
    index, *box = rois[row].tolist()
    return f'region {row} (x1, y1, x2, y2 = {box} of image {index:g})'


def _only_average(pool_mode: int) -> None:
    if pool_mode != _AVERAGE:
        raise OpNotProvidedError("roi_align with pool_mode='max'")
