"""Attention transfer (AT): the spatial energy of feature maps."""

from typing import Literal

from mmpretrain.registry import MODELS
from torch import Tensor

from cds_mm.arguments import NonNegative, checked
from cds_mm.losses import attention_transfer_loss
from cds_mm.supervision.map_distillation import MapDistillation


@MODELS.register_module()
class AttentionTransfer(MapDistillation):
    """Spatial energy maps follow the teacher's (Zagoruyko, ICLR 2017).

    Args:
        weight: of each stage's loss; 1000 with mode 'code'.
        mode: 'code' or 'paper', see
            :func:`cds_mm.losses.attention_transfer_loss`.
        **kwargs: as of :class:`MapDistillation`.
    """

    @checked
    def __init__(
        self,
        weight: NonNegative = 1000.0,
        mode: Literal['code', 'paper'] = 'code',
        **kwargs,
    ):
        super().__init__(weight, **kwargs)
        self.mode = mode

    def compare(self, student_map: Tensor, teacher_map: Tensor) -> Tensor:
        """Of the energies of both maps."""
        return attention_transfer_loss(student_map, teacher_map, self.mode)
