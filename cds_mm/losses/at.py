"""Attention transfer (AT): compare where two networks look in a feature map.

Zagoruyko & Komodakis, "Paying More Attention to Attention", ICLR 2017.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cds_mm.losses.normalize import NORM_FLOOR, student_and_teacher


def attention_transfer_loss(
    student_map: Tensor, teacher_map: Tensor, mode: str = 'code'
) -> Tensor:
    """Distance between the unit energy maps Q of one pair of stages.

    ``Q(F) = vec(mean_c F^2) / |.|_2``, of H*W entries, does not change when
    F is multiplied by a number.  The paper and the released code differ:

    * 'code', the released code (and RepDistiller's, with a weight of 1000):
      the mean over B and H*W of ``(Q_S - Q_T)^2``;
    * 'paper', eq. 2: ``|Q_S - Q_T|_2``, not squared and not averaged over
      H*W; here the mean over B.  The paper's weight of it is beta / 2.

    Where the sizes differ the larger map is average-pooled to the smaller
    before its energy is taken (RepDistiller; the paper interpolates).
    Finite, with bounded gradient, for every finite map; a map with no entry
    above 1e-4 fades to a Q of zero.

    Args:
        student_map: (B, C, H, W) of any floating dtype.
        teacher_map: (B, C', H', W'); no gradient reaches it.
        mode: 'code' or 'paper'.

    Returns:
        Tensor: scalar float32 (float64 for float64 input).  Several pairs of
        stages are summed by the caller.
    """
    if mode not in ('code', 'paper'):
        raise ValueError(f'mode is {mode!r}, not "code" or "paper"')
    with torch.autocast(student_map.device.type, enabled=False):
        maps = student_and_teacher(student_map, teacher_map)
        size = tuple(map(min, *(m.shape[2:] for m in maps)))
        student, teacher = (_unit_energy(_pooled(m, size)) for m in maps)
        difference = student - teacher
        if mode == 'code':
            return difference.square().mean()
        # Of all roots this one has the gradient 0 where the maps agree.
        return torch.linalg.vector_norm(difference, dim=1).mean()


def _pooled(maps, size):
    if maps.shape[2:] == size:
        return maps
    return F.adaptive_avg_pool2d(maps, size)


def _unit_energy(maps):
    """Q (B, H*W) of each map."""
    # Q does not depend on the scale, so the scale needs no gradient.  With
    # the largest entry at 1 no square overflows, and the energies' length is
    # 1 or more: less of it means a map below the floor, which is not
    # stretched to unit length, since the gradient would grow as 1 / scale.
    scale = maps.detach().abs().amax((1, 2, 3), keepdim=True)
    maps = maps / scale.clamp(min=NORM_FLOOR)
    return F.normalize(maps.square().sum(1).flatten(1), dim=1, eps=1.0)
