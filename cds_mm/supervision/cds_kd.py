"""Distilled CDS: the projections follow those of the teacher."""

from typing import Literal

from mmpretrain.registry import MODELS
from torch import nn

from cds_mm.arguments import NonNegative, checked
from cds_mm.branches import NetworkSpec
from cds_mm.losses import feature_regression_loss, unit_rows
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import (
    BranchSupervision,
    Counters,
    Losses,
    check_shared_branches,
    paired,
)


@MODELS.register_module()
class StageDistillation(BranchSupervision):
    """Each branch follows the teacher's branch of that name.

    Where all branches are on stages that have other names in the teacher, and
    as many, they follow its branches in their order.

    Where widths differ, a linear adapter acts on the student's unit rows,
    and what comes out is not normalised again (released code of CDS).

    Args:
        weight: lambda_f, of each branch; 0.1 for CIFAR and 0.5 for ImageNet
            in the released code.
        form: 'fro', 'mse' or 'l2_per_sample', see
            :func:`cds_mm.losses.feature_regression_loss`.
        branches: names of the branches, None for all.
        always_adapt: an adapter even between equal widths, as in the
            released code for ImageNet.
    """

    needs_teacher = True

    @checked
    def __init__(
        self,
        weight: NonNegative = 0.1,
        form: Literal['fro', 'mse', 'l2_per_sample'] = 'fro',
        branches: tuple[str, ...] | None = None,
        always_adapt: bool = False,
    ):
        super().__init__(branches)
        self.weight = weight
        self.form = form
        self.always_adapt = always_adapt

    def connect(
        self, network: NetworkSpec, teacher: NetworkSpec | None = None
    ) -> None:
        """Build an adapter for each branch whose width is another."""
        teacher = self.required_teacher(teacher)
        names = self.reads(list(network.branches))
        self.pairs = self._paired(names, teacher)
        widths = {
            ours: (network.branches[ours], teacher.branches[theirs])
            for ours, theirs in self.pairs.items()
        }
        self.adapters = nn.ModuleDict(
            {
                name: nn.Linear(ours, theirs)
                if self.always_adapt or ours != theirs
                else nn.Identity()
                for name, (ours, theirs) in widths.items()
            }
        )

    def _paired(self, names, teacher):
        theirs = list(teacher.branches)
        pairs = None
        if self.branches is None and {*theirs} <= {*teacher.stages}:
            pairs = paired(names, theirs)
        if pairs is None:
            check_shared_branches(
                self,
                names,
                teacher,
                'that was trained with CDS on as many stages',
            )
            pairs = dict(zip(names, names, strict=True))
        return pairs

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """One weighted loss for each branch, over the rows of all views."""
        theirs = outputs.required_teacher.branches
        losses = {
            name: self.weight
            * feature_regression_loss(
                adapter(unit_rows(outputs.branches[name])),
                unit_rows(theirs[self.pairs[name]]),
                self.form,
            )
            for name, adapter in self.adapters.items()
        }
        return losses, {}

    def describe(self) -> str:
        """One line for the log."""
        return (
            f"teacher's projections x {self.weight:g} on "
            f'{", ".join(self.adapters)}, form {self.form}'
        )
