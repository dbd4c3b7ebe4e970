"""Deep supervision: the label at the intermediate stages too."""

from mmpretrain.registry import MODELS

from cds_mm.losses import labelled_cross_entropy
from cds_mm.structures import StageOutputs
from cds_mm.supervision.base import (
    Counters,
    Losses,
    Supervision,
    chosen_branches,
)


@MODELS.register_module()
class DeepSupervision(Supervision):
    """Cross entropy on branches that end in class logits (DSN).

    The original (Lee et al., 2015) had squared hinge losses that faded out;
    every comparison on ResNets, those of DKS and DHM among them, has constant
    cross entropy, and so has this.

    Args:
        weight: alpha, of each branch; 1 in DKS and DHM.
        branches: names of the branches, None for all.
        views: which views it reads.
        label_smoothing: share of each target spread over all classes.
    """

    def __init__(
        self,
        weight: float = 1.0,
        branches: tuple[str, ...] | None = None,
        views: tuple[int, ...] = (0,),
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        self.weight = weight
        self.branches = None if branches is None else tuple(branches)
        self.views = tuple(views)
        self.label_smoothing = label_smoothing

    def reads(self, branches: list[str]) -> list[str]:
        """The chosen branches."""
        return chosen_branches(self.branches, branches)

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """One weighted loss for each branch."""
        labels = outputs.labels.repeat(len(self.views))
        losses = {
            name: self.weight
            * labelled_cross_entropy(
                outputs.rows(outputs.branches[name], self.views),
                labels,
                self.label_smoothing,
            )
            for name in self.reads(list(outputs.branches))
        }
        return losses, {}

    def describe(self) -> str:
        """One line for the log."""
        where = ', '.join(self.branches) if self.branches else 'all branches'
        return f'cross entropy x {self.weight:g} on {where}'
