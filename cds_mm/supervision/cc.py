"""Correlation congruence (CC): correlations between the embeddings."""

from typing import Literal

from mmpretrain.registry import MODELS
from torch import nn

from cds_mm.arguments import Count, NonNegative, Views, checked
from cds_mm.branches import NetworkSpec
from cds_mm.losses import correlation_congruence_loss
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import (
    Counters,
    Losses,
    Supervision,
)


@MODELS.register_module()
class CorrelationCongruence(Supervision):
    """Correlations between images follow the teacher's (Peng, ICCV 2019).

    Both embeddings go through a linear layer each, which are trained.

    Args:
        weight: of the loss; 0.02 in RepDistiller.
        mode: 'rd', 'gaussian' or 'bilinear', see
            :func:`cds_mm.losses.correlation_congruence_loss`.
        width: D of the linear layers.
        views: which views it reads.
    """

    needs_teacher = True

    @checked
    def __init__(
        self,
        weight: NonNegative = 0.02,
        mode: Literal['rd', 'gaussian', 'bilinear'] = 'rd',
        width: Count = 128,
        views: Views = (0,),
    ):
        super().__init__()
        self.weight = weight
        self.mode = mode
        self.width = width
        self.views = tuple(views)

    def connect(
        self, network: NetworkSpec, teacher: NetworkSpec | None = None
    ) -> None:
        """Build the linear layers."""
        self.student_embed = nn.Linear(network.last.channels, self.width)
        theirs = self.required_teacher(teacher).last.channels
        self.teacher_embed = nn.Linear(theirs, self.width)

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """``{'': scalar}``."""
        student = outputs.embedding_rows(self.views)
        teacher = outputs.required_teacher.embedding_rows(self.views)
        loss = correlation_congruence_loss(
            self.student_embed(student),
            self.teacher_embed(teacher.detach()),
            self.mode,
        )
        return {'': self.weight * loss}, {}

    def describe(self) -> str:
        """One line for the log."""
        return f'correlations x {self.weight:g}, mode {self.mode}'
