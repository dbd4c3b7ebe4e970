"""Similarity-preserving distillation (SP): which images look alike."""

from mmpretrain.registry import MODELS
from torch import Tensor

from cds_mm.arguments import NonNegative, checked
from cds_mm.losses import similarity_preserving_loss
from cds_mm.supervision.map_distillation import MapDistillation


@MODELS.register_module()
class SimilarityPreserving(MapDistillation):
    """Similarities within the batch follow the teacher's (Tung, ICCV 2019).

    Args:
        weight: of each stage's loss; 3000 in RepDistiller, on the last stage.
        **kwargs: as of :class:`MapDistillation`.
    """

    @checked
    def __init__(self, weight: NonNegative = 3000.0, **kwargs):
        super().__init__(weight, **kwargs)

    def compare(self, student_map: Tensor, teacher_map: Tensor) -> Tensor:
        """Of the similarities of the rows of both maps."""
        return similarity_preserving_loss(student_map, teacher_map)
