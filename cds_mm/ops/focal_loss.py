"""`sigmoid_focal_loss_forward/backward` as `mmcv.ops` calls them.

Source: "Focal loss for dense object detection", arXiv 1708.02002.  With z the
logit of the true side (x for the labelled class, -x for all others), p_t =
sigmoid(z) and a the weight of that side (alpha, or 1 - alpha):

    loss = -a (1 - p_t)^gamma log p_t

torchvision's own function wants one-hot targets and keeps a graph; here both
directions are closed forms, and a log-sigmoid cannot overflow.  The compiled
op clamps p_t at 1.2e-38 and so flattens out at logits beyond 87; here the
loss goes on growing there, as the formula does.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cds_mm.precision import at_least_float32


def sigmoid_focal_loss_forward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    output: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Focal loss of every logit.

    Args:
        input: logits, (N, C).
        target: class per row, int64, (N,); C (or any other value outside
            0..C-1) means background.
        weight: per class, (C,), or empty for none.  A row is weighted by its
            target's class; background rows are not weighted (the compiled op
            reads past the end there).
        output: (N, C), is overwritten.
        gamma, alpha: of the formula.
    """
    sign, side = _sides(input, target, alpha)
    log_pt = F.logsigmoid(sign * at_least_float32(input))
    loss = -side * (-torch.expm1(log_pt)).pow(gamma) * log_pt
    output.copy_(loss * _row_weight(target, weight, loss))


def sigmoid_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Derivative of every loss with respect to its own logit.

    Args:
        grad_input: (N, C), is overwritten.
        The others as in `sigmoid_focal_loss_forward`.
    """
    sign, side = _sides(input, target, alpha)
    log_pt = F.logsigmoid(sign * at_least_float32(input))
    pt = log_pt.exp()
    rest = -torch.expm1(log_pt)
    # An infinite logit: 0 times infinity, which tends to 0.
    entropy = torch.where(pt > 0, pt * log_pt, 0)
    grad = -sign * side * rest.pow(gamma) * (rest - gamma * entropy)
    grad_input.copy_(grad * _row_weight(target, weight, grad))


def _sides(
    input: Tensor, target: Tensor, alpha: float
) -> tuple[Tensor, Tensor]:
    classes = torch.arange(input.size(1), device=target.device)
    labelled = target[:, None] == classes
    wide = at_least_float32(input).dtype
    sign = labelled.to(wide) * 2 - 1
    side = labelled.to(wide) * (2 * alpha - 1) + (1 - alpha)
    return sign, side


def _row_weight(target: Tensor, weight: Tensor, like: Tensor) -> Tensor:
    if weight.numel() == 0:
        return like.new_ones(())
    known = (target >= 0) & (target < weight.numel())
    picked = weight.to(like.dtype)[target.where(known, 0)]
    return picked.where(known, 1.0)[:, None]
