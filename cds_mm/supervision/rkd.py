"""Relational knowledge distillation (RKD): distances and angles."""

from mmpretrain.registry import MODELS

from cds_mm.arguments import NonNegative, Views, checked
from cds_mm.losses import (
    relational_angle_loss,
    relational_distance_loss,
    unit_rows,
)
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import (
    Counters,
    Losses,
    Supervision,
)


@MODELS.register_module()
class RelationalDistillation(Supervision):
    """Distances and angles of embeddings follow the teacher's (Park, 2019).

    Args:
        distance_weight: of the pairs' distances; 25 in RepDistiller.
        angle_weight: of the triplets' angles; 50 in RepDistiller.
        normalise: whether rows get unit length first, as in MMRazor;
            RepDistiller takes them as they are.
        views: which views it reads.
    """

    needs_teacher = True

    @checked
    def __init__(
        self,
        distance_weight: NonNegative = 25.0,
        angle_weight: NonNegative = 50.0,
        normalise: bool = False,
        views: Views = (0,),
    ):
        super().__init__()
        self.distance_weight = distance_weight
        self.angle_weight = angle_weight
        self.normalise = normalise
        self.views = tuple(views)

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """``distance`` and ``angle``."""
        student, teacher = (
            side.embedding_rows(self.views)
            for side in (outputs, outputs.required_teacher)
        )
        if self.normalise:
            student, teacher = unit_rows(student), unit_rows(teacher)
        distance = relational_distance_loss(student, teacher)
        angle = relational_angle_loss(student, teacher)
        losses = {
            'distance': self.distance_weight * distance,
            'angle': self.angle_weight * angle,
        }
        return losses, {}

    def describe(self) -> str:
        """One line for the log."""
        return (
            f'relations of embeddings, distances x {self.distance_weight:g}, '
            f'angles x {self.angle_weight:g}'
        )
