"""`ms_deform_attn_forward` and `_backward` as `mmcv.ops` calls them.

Source: "Deformable DETR", arXiv 2010.04159.  MMCV has the same in plain
torch, which it uses on the CPU and in bfloat16 only; on a GPU it calls the
compiled op.  Slower and hungrier than that one, but detectors of the DETR
family run.
"""

from torch import Tensor

from cds_mm.ops.bilinear_samples import Samples
from cds_mm.precision import at_least_float32


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Weigh bilinear samples of several maps.

    Args:
        value: (B, sum of H*W over levels, heads, D).
        value_spatial_shapes: (levels, 2), H and W, int64.
        value_level_start_index: (levels,); follows from the shapes.
        sampling_locations: (B, queries, heads, levels, points, 2), x and y
            in 0..1 over each map.
        attention_weights: (B, queries, heads, levels, points).
        im2col_step: of the compiled op, not used.

    Returns:
        (B, queries, heads * D), in the dtype of `value`.
    """
    tensors = (value, sampling_locations, attention_weights)
    wide = (at_least_float32(tensor) for tensor in tensors)
    return _attend(value_spatial_shapes, *wide).to(value.dtype)


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,
) -> None:
    """Gradients of `ms_deform_attn_forward`, into the three `grad_` ones.

    Not by way of `grid_sample`: a derivative has two sides at whole pixels,
    where all points of Deformable DETR start, and `grid_sample` finds its
    pixels by another rounding.  On such points its derivatives for the
    locations are by a third of their norm not those of the compiled op.
    """
    tensors = (value, sampling_locations, attention_weights)
    wide_value, locations, weights = map(at_least_float32, tensors)
    grad = at_least_float32(grad_output).unflatten(2, value.shape[2:])
    begin = 0
    for level, (height, width) in enumerate(value_spatial_shapes.tolist()):
        end = begin + height * width
        samples = Samples(locations[:, :, :, level], (height, width))
        grads = samples.gradients(
            wide_value[:, begin:end], weights[:, :, :, level], grad
        )
        grad_value[:, begin:end] = grads[0]
        grad_sampling_loc[:, :, :, level] = grads[1]
        grad_attn_weight[:, :, :, level] = grads[2]
        begin = end


def _attend(
    shapes: Tensor, value: Tensor, locations: Tensor, weights: Tensor
) -> Tensor:
    from mmcv.ops.multi_scale_deform_attn import (
        multi_scale_deformable_attn_pytorch,
    )

    return multi_scale_deformable_attn_pytorch(
        value, shapes, locations, weights
    )
