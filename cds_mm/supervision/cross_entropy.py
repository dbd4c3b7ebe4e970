"""Plain cross entropy on the main head, a supervision like the others."""

from mmpretrain.registry import MODELS

from cds_mm.arguments import NonNegative, Share, Views, checked
from cds_mm.losses import labelled_cross_entropy
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import Counters, Losses, Supervision


@MODELS.register_module()
class CrossEntropySupervision(Supervision):
    """Cross entropy of the main head over the labelled rows of some views.

    Args:
        weight: factor on the loss.
        views: which views it reads.  CDS reads the first alone: the released
            code classifies the weakly augmented view and only contrasts the
            other.
        label_smoothing: share of each target spread over all classes.
    """

    @checked
    def __init__(
        self,
        weight: NonNegative = 1.0,
        views: Views = (0,),
        label_smoothing: Share = 0.0,
    ):
        super().__init__()
        self.weight = weight
        self.views = tuple(views)
        self.label_smoothing = label_smoothing

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """``{'': scalar}``; without labels a zero that keeps the graph."""
        loss = labelled_cross_entropy(
            outputs.logit_rows(self.views),
            outputs.labels.repeat(len(self.views)),
            self.label_smoothing,
        )
        return {'': self.weight * loss}, {}

    def describe(self) -> str:
        """One line for the log."""
        views = ', '.join(str(view) for view in self.views)
        return f'cross entropy x {self.weight:g} on view {views}'
