"""The supervised contrastive loss with masks of N x N, from its formula."""

import torch
from torch import Tensor


def masked_supcon(
    z: Tensor, labels: Tensor, temperature: float = 0.07
) -> Tensor:
    """Eq. 2 of SupCon (Khosla et al., 2020), the mean over all anchors.

    Args:
        z: (N, D), L2-normalised.
        labels: (N,); each of them occurs at least twice.
        temperature: of the similarities.

    Returns:
        Tensor: scalar.
    """
    logits = z @ z.T / temperature
    logits = logits - logits.max(dim=1, keepdim=True).values.detach()
    others = 1 - torch.eye(len(z), dtype=z.dtype, device=z.device)
    positives = (labels[:, None] == labels).to(z.dtype) * others
    exp_sum = (logits.exp() * others).sum(1, keepdim=True)
    log_prob = logits - exp_sum.log()
    per_anchor = (positives * log_prob).sum(1) / positives.sum(1)
    return -per_anchor.mean()
