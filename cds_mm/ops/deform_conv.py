"""Deformable convolution, plain and modulated, as `mmcv.ops` calls it.

Sources: "Deformable convolutional networks", arXiv 1703.06211, and
"Deformable ConvNets v2", arXiv 1811.11168.  torchvision lays out offsets as
MMCV does (y before x, per kernel position); `deform_geometry` has the rules
in which the two differ.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cds_mm.ops.deform_geometry import Geometry, as_read, at_border
from cds_mm.precision import at_least_float32


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    **geometry: int,
) -> None:
    """Convolve at shifted positions.

    Args:
        input: (B, C, H, W).
        weight: (O, C / group, kH, kW).
        offset: (B, 2 * deformable_group * kH * kW, H', W') in pixels.
        output: (B, O, H', W'), is overwritten.
        columns, ones: buffers of the compiled op, not used.
        geometry: dH, dW (stride), padH, padW, dilationH, dilationW, group,
            deformable_group.

    Raises:
        RuntimeError: the shapes do not fit each other.
    """
    _forward((input, offset, weight), output, _plain(geometry))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradInput: Tensor,
    gradOffset: Tensor,
    weight: Tensor,
    columns: Tensor,
    **geometry: int,
) -> None:
    """Gradients for input and offset, written into gradInput, gradOffset."""
    grads = _gradients(
        (input, offset, weight), (0, 1), gradOutput, _plain(geometry)
    )
    gradInput.copy_(grads[0])
    gradOffset.copy_(grads[1])


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradWeight: Tensor,
    columns: Tensor,
    ones: Tensor,
    scale: float = 1,
    **geometry: int,
) -> None:
    """Gradient for the weight times `scale`, written into gradWeight."""
    # The op is linear in the weight, whose gradient does not depend on it.
    weight = torch.zeros_like(gradWeight)
    (grad,) = _gradients(
        (input, offset, weight), (2,), gradOutput, _plain(geometry)
    )
    gradWeight.copy_(grad * scale)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    with_bias: bool,
    **geometry: int,
) -> None:
    """Convolve at shifted positions with a factor for each.

    Offsets and mask may be larger than the output, as DyHead has them: as
    many values as it takes are read from the beginning of each image's.

    Args:
        mask: (B, deformable_group * kH * kW, H', W').
        bias: (O,); empty without `with_bias`.
        geometry: stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w,
            group, deformable_group.
        The others as in `deform_conv_forward`.

    Raises:
        RuntimeError: the shapes do not fit each other.
    """
    tensors = (input, offset, weight, mask) + (bias,) * with_bias
    _forward(tensors, output, _modulated(geometry))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    with_bias: bool,
    **geometry: int,
) -> None:
    """Gradients of `modulated_deform_conv_forward`, into the `grad_` ones."""
    tensors = (input, offset, weight, mask) + (bias,) * with_bias
    targets = (grad_input, grad_offset, grad_weight, grad_mask, grad_bias)
    which = range(len(tensors))
    grads = _gradients(tensors, which, grad_output, _modulated(geometry))
    for target, grad in zip(targets, grads, strict=False):
        target.copy_(grad)


def _plain(names: dict) -> Geometry:
    return Geometry(
        stride=(names['dH'], names['dW']),
        padding=(names['padH'], names['padW']),
        dilation=(names['dilationH'], names['dilationW']),
        groups=names['group'],
        offset_groups=names['deformable_group'],
    )


def _modulated(names: dict) -> Geometry:
    return Geometry(
        stride=(names['stride_h'], names['stride_w']),
        padding=(names['pad_h'], names['pad_w']),
        dilation=(names['dilation_h'], names['dilation_w']),
        groups=names['group'],
        offset_groups=names['deformable_group'],
    )


def _forward(tensors: Sequence[Tensor], output: Tensor, how: Geometry) -> None:
    wide = [at_least_float32(tensor) for tensor in tensors]
    output.copy_(_convolve(as_read(wide, how, output.shape[2:]), how))


def _gradients(
    tensors: Sequence[Tensor],
    which: Sequence[int],
    grad_output: Tensor,
    how: Geometry,
) -> tuple[Tensor, ...]:
    # MMCV calls this inside its own backward, where nothing is recorded.
    leaves = [at_least_float32(tensor).detach() for tensor in tensors]
    wanted = [leaves[index].requires_grad_() for index in which]
    with torch.enable_grad():
        # Recorded, so that what is not read gets a gradient of 0.
        read = as_read(leaves, how, grad_output.shape[2:])
        _, offset, weight, *_ = read
        if offset.requires_grad:
            border = at_border(offset.detach(), weight.shape[2:], how)
            offset.register_hook(lambda grad: grad.masked_fill(border, 0))
        output = _convolve(read, how)
    return torch.autograd.grad(output, wanted, at_least_float32(grad_output))


def _convolve(tensors: Sequence[Tensor], how: Geometry) -> Tensor:
    from torchvision.ops import deform_conv2d

    input, offset, weight, *rest = tensors
    mask, bias = (*rest, None, None)[:2]
    return deform_conv2d(
        input,
        offset,
        weight,
        bias=bias,
        mask=mask,
        stride=how.stride,
        padding=how.padding,
        dilation=how.dilation,
    )
