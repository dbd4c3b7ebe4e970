"""Distillation of the teacher's logits (KD)."""

from mmpretrain.registry import MODELS

from cds_mm.branches import NetworkSpec
from cds_mm.losses import softened_divergence
from cds_mm.structures import StageOutputs
from cds_mm.supervision.base import (
    Counters,
    Losses,
    Supervision,
    needs_teacher,
)


@MODELS.register_module()
class LogitDistillation(Supervision):
    """The student's classes follow the teacher's (Hinton et al., 2015).

    T^2 KL(softmax(t / T) || softmax(s / T)), mean over the rows.

    Args:
        weight: of the loss; 0.9 beside 0.1 of cross entropy in the CIFAR
            recipe of RepDistiller, whose temperature is 4.
        temperature: T.
        squared: whether T^2 is in it.  The released code of distilled CDS
            leaves it out.
        views: which views it reads.
    """

    def __init__(
        self,
        weight: float = 0.9,
        temperature: float = 4.0,
        squared: bool = True,
        views: tuple[int, ...] = (0,),
    ):
        super().__init__()
        self.weight = weight
        self.temperature = temperature
        self.squared = squared
        self.views = tuple(views)

    def connect(
        self, network: NetworkSpec, teacher: NetworkSpec | None = None
    ) -> None:
        """See that there is a teacher."""
        needs_teacher(self, teacher)

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """``{'': scalar}``."""
        target, logits = (
            outputs.rows(side.logits, self.views)
            for side in (outputs.teacher, outputs)
        )
        loss = softened_divergence(target, logits, self.temperature)
        if not self.squared:
            loss = loss / self.temperature**2
        return {'': self.weight * loss}, {}

    def describe(self) -> str:
        """One line for the log."""
        return (
            f"teacher's logits x {self.weight:g}, temperature "
            f'{self.temperature:g}'
        )
