"""Base class of AT and SP: compare the feature maps of each stage."""

from torch import Tensor

from cds_mm.arguments import Count, NonNegative, Views, checked
from cds_mm.branches import NetworkSpec
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import (
    Counters,
    Losses,
    Supervision,
    shared_stages,
)


class MapDistillation(Supervision):
    """A loss between the maps of student and teacher, stage by stage.

    Args:
        weight: of each stage's loss.
        stages: names of the stages; a number, for the last so many of both
            networks; None for all.  Where the teacher has as many under
            other names, they are compared in their order.
        views: which views it reads.
    """

    needs_teacher = True
    stages: dict[str, str]  # with the teacher's, chosen by `connect`

    @checked
    def __init__(
        self,
        weight: NonNegative,
        stages: tuple[str, ...] | Count | None = None,
        views: Views = (0,),
    ):
        super().__init__()
        self.weight = weight
        if stages is not None and not isinstance(stages, int):
            stages = tuple(stages)
        self._wanted = stages
        self.views = tuple(views)

    def connect(
        self, network: NetworkSpec, teacher: NetworkSpec | None = None
    ) -> None:
        """Choose the stages, which the teacher has to have too."""
        self.stages = shared_stages(
            self, self._wanted, network, self.required_teacher(teacher)
        )

    def compare(self, student_map: Tensor, teacher_map: Tensor) -> Tensor:
        """The loss of one stage, of maps (N, C, H, W) of any two sizes."""
        raise NotImplementedError

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """One weighted loss for each stage."""
        seen = outputs.required_teacher.maps
        losses = {
            name: self.weight
            * self.compare(
                outputs.rows(outputs.maps[name], self.views),
                outputs.rows(seen[theirs], self.views),
            )
            for name, theirs in self.stages.items()
        }
        return losses, {}

    def describe(self) -> str:
        """One line for the log."""
        where = ', '.join(
            name if name == theirs else f"{name} (the teacher's {theirs})"
            for name, theirs in self.stages.items()
        )
        return f'{type(self).__name__} x {self.weight:g} on {where}'
