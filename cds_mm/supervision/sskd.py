"""Self-supervised knowledge distillation (SSKD): rotated images."""

import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from torch import Tensor

from cds_mm.arguments import Count, NonNegative, Positive, Share, checked
from cds_mm.branches import NetworkSpec
from cds_mm.losses import rotated_similarity, selected_divergence
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import (
    BranchSupervision,
    Counters,
    Losses,
    check_shared_branches,
)


class RotationSupervision(BranchSupervision):
    """Reads branches of images in four rotations, the upright view first.

    Args:
        weight: of each branch's loss.
        branches: names of the branches, None for all.
        num_views: rotations of each image.
    """

    @checked
    def __init__(
        self,
        weight: NonNegative,
        branches: tuple[str, ...] | None = None,
        num_views: Count = 4,
    ):
        super().__init__(branches, views=tuple(range(num_views)))
        self.num_views: int = num_views
        self.weight = weight

    def sources(self, outputs: StageOutputs) -> Tensor:
        """(3B,) int64: the upright image of each rotated one."""
        images = torch.arange(outputs.num_images, device=outputs.labels.device)
        return images.repeat(self.num_views - 1)


@MODELS.register_module()
class RotationContrast(RotationSupervision):
    """Find the upright image of each rotated one: SSKD's first stage.

    Cross entropy of the cosines, without a temperature (Xu et al., ECCV 2020,
    released code).

    Args:
        weight: of each branch's loss.
        branches: names of the branches, None for all.
        num_views: rotations of each image.
    """

    @checked
    def __init__(
        self,
        weight: NonNegative = 1.0,
        branches: tuple[str, ...] | None = None,
        num_views: Count = 4,
    ):
        super().__init__(weight, branches, num_views)

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """One weighted loss and the share of images found, by branch."""
        sources = self.sources(outputs)
        losses, found = {}, {}
        for name, rows in self.rows_of_branches(outputs).items():
            cosines = rotated_similarity(rows, self.num_views)
            losses[name] = self.weight * F.cross_entropy(cosines, sources)
            right = cosines.detach().argmax(1) == sources
            found[f'found.{name}'] = right.float().mean()
        return losses, found

    def describe(self) -> str:
        """One line for the log."""
        return f'rotated to upright images x {self.weight:g} on {self.where}'


@MODELS.register_module()
class RotationDistillation(RotationSupervision):
    """The same cosines follow the teacher's: SSKD's second stage.

    Args:
        weight: of each branch's loss; 10 in the released code.
        temperature: of the softmax over the upright images.
        keep_wrong: share of the rows with the teacher's mistakes that is
            followed all the same, the smaller ones first.
        branches: names of the branches, None for all.
        num_views: rotations of each image.
    """

    needs_teacher = True

    @checked
    def __init__(
        self,
        weight: NonNegative = 10.0,
        temperature: Positive = 0.5,
        keep_wrong: Share = 0.75,
        branches: tuple[str, ...] | None = None,
        num_views: Count = 4,
    ):
        super().__init__(weight, branches, num_views)
        self.temperature = temperature
        self.keep_wrong = keep_wrong

    def connect(
        self, network: NetworkSpec, teacher: NetworkSpec | None = None
    ) -> None:
        """See that the teacher has the branches; widths may differ."""
        names = self.reads(list(network.branches))
        check_shared_branches(
            self,
            names,
            self.required_teacher(teacher),
            'that learned the rotations first',
        )

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """One weighted loss for each branch."""
        sources = self.sources(outputs)
        losses = {
            name: self.weight
            * selected_divergence(
                rotated_similarity(
                    outputs.required_teacher.branches[name], self.num_views
                ),
                rotated_similarity(rows, self.num_views),
                sources,
                self.keep_wrong,
                self.temperature,
            )
            for name, rows in self.rows_of_branches(outputs).items()
        }
        return losses, {}

    def describe(self) -> str:
        """One line for the log."""
        return (
            f"teacher's rotations x {self.weight:g} on {self.where}, "
            f'temperature {self.temperature:g}, with {self.keep_wrong:.0%} of '
            'its mistakes'
        )
