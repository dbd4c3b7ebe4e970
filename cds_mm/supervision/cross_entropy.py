"""Plain cross entropy on the main head, a supervision like the others."""

import torch.nn.functional as F
from mmpretrain.registry import MODELS

from cds_mm.distributed import mean_over_ranks, world_size
from cds_mm.structures import StageOutputs
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

    def __init__(
        self,
        weight: float = 1.0,
        views: tuple[int, ...] = (0,),
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        self.weight = weight
        self.views = tuple(views)
        self.label_smoothing = label_smoothing

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """``{'': scalar}``; without labels a zero that keeps the graph."""
        logits = outputs.rows(outputs.logits, self.views).float()
        labels = outputs.labels.repeat(len(self.views))
        # Summed and divided here: the mean of no labelled row is 0 and not
        # NaN, DistributedDataParallel gets the gradient that it waits for,
        # and the mean is that over the labelled rows of all ranks.
        total = F.cross_entropy(
            logits,
            labels,
            ignore_index=-1,
            reduction='sum',
            label_smoothing=self.label_smoothing,
        )
        labelled = mean_over_ranks((labels >= 0).sum().float())
        labelled = labelled.clamp(min=1 / world_size())
        return {'': self.weight * total / labelled}, {}

    def describe(self) -> str:
        """One line for the log."""
        views = ', '.join(str(view) for view in self.views)
        return f'cross entropy x {self.weight:g} on view {views}'
