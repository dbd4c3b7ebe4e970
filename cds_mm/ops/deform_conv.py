"""Deformable convolution, plain and modulated, as `mmcv.ops` calls it.

Sources: "Deformable convolutional networks", arXiv 1703.06211, and
"Deformable ConvNets v2", arXiv 1811.11168.  torchvision lays out offsets (y
before x, per kernel position) and treats borders as MMCV does, and reads the
numbers of groups off the shapes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

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
        geometry: dH, dW (stride), padH, padW, dilationH, dilationW; the rest
            is read off the shapes.
    """
    output.copy_(_convolve((input, offset, weight), **_plain(geometry)))


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
        (input, offset, weight), (0, 1), gradOutput, **_plain(geometry)
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
        (input, offset, weight), (2,), gradOutput, **_plain(geometry)
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

    Args:
        mask: (B, deformable_group * kH * kW, H', W').
        bias: (O,); empty without `with_bias`.
        geometry: stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w.
        The others as in `deform_conv_forward`.
    """
    tensors = (input, offset, weight, mask) + (bias,) * with_bias
    output.copy_(_convolve(tensors, **_modulated(geometry)))


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
    grads = _gradients(tensors, which, grad_output, **_modulated(geometry))
    for target, grad in zip(targets, grads, strict=False):
        target.copy_(grad)


def _plain(names: dict) -> dict:
    return {
        'stride': (names['dH'], names['dW']),
        'padding': (names['padH'], names['padW']),
        'dilation': (names['dilationH'], names['dilationW']),
    }


def _modulated(names: dict) -> dict:
    return {
        'stride': (names['stride_h'], names['stride_w']),
        'padding': (names['pad_h'], names['pad_w']),
        'dilation': (names['dilation_h'], names['dilation_w']),
    }


def _convolve(tensors: Sequence[Tensor], **geometry) -> Tensor:
    from torchvision.ops import deform_conv2d

    input, offset, weight, *rest = (
        at_least_float32(tensor) for tensor in tensors
    )
    mask, bias = (*rest, None, None)[:2]
    return deform_conv2d(
        input, offset, weight, bias=bias, mask=mask, **geometry
    )


def _gradients(
    tensors: Sequence[Tensor],
    which: Sequence[int],
    grad_output: Tensor,
    **geometry,
) -> tuple[Tensor, ...]:
    # MMCV calls this inside its own backward, where nothing is recorded.
    leaves = [at_least_float32(tensor).detach() for tensor in tensors]
    wanted = [leaves[index].requires_grad_() for index in which]
    with torch.enable_grad():
        output = _convolve(leaves, **geometry)
    return torch.autograd.grad(output, wanted, at_least_float32(grad_output))
