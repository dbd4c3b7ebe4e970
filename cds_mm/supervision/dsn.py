"""Deeply-supervised nets (DSN): cross entropy at intermediate stages."""

from mmpretrain.registry import MODELS

from cds_mm.arguments import NonNegative, Share, checked
from cds_mm.branches import NetworkSpec
from cds_mm.losses import labelled_count, labelled_cross_entropy
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import BranchSupervision, Counters, Losses


@MODELS.register_module()
class DeepSupervision(BranchSupervision):
    """Cross entropy on branches that end in class logits (DSN).

    The original (Lee et al., 2015) had squared hinge losses that faded out;
    the code of DKS and DHM has constant cross entropy, and so has this.

    Args:
        weight: alpha, of each branch; 1 in DKS and DHM.
        label_smoothing: share of each target spread over all classes.
        **kwargs: as of :class:`BranchSupervision`.
    """

    @checked
    def __init__(
        self, weight: NonNegative = 1.0, label_smoothing: Share = 0.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.weight = weight
        self.label_smoothing = label_smoothing

    def connect(
        self, network: NetworkSpec, teacher: NetworkSpec | None = None
    ) -> None:
        """See that the branches end in class logits."""
        self.check_classes(network)

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """One weighted loss for each branch."""
        labels = outputs.labels.repeat(len(self.views))
        # Once for all branches: the ranks exchange it.
        count = labelled_count(labels)
        losses = {
            name: self.weight
            * labelled_cross_entropy(
                logits, labels, self.label_smoothing, count
            )
            for name, logits in self.rows_of_branches(outputs).items()
        }
        return losses, {}

    def describe(self) -> str:
        """One line for the log."""
        return f'cross entropy x {self.weight:g} on {self.where}'
