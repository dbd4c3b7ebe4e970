"""Deeply-supervised knowledge synergy (DKS): mutually taught classifiers."""

from itertools import permutations

import torch
from mmpretrain.registry import MODELS

from cds_mm.arguments import NonNegative, Positive, checked
from cds_mm.branches import NetworkSpec
from cds_mm.losses import softened_divergence
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import (
    MAIN,
    BranchSupervision,
    Counters,
    Losses,
)
from cds_mm.supervision.dhm import drawn_terms

DYNAMICS = (None, 'term_drop')


@MODELS.register_module()
class SynergySupervision(BranchSupervision):
    """Every classifier follows every other one (DKS, DHM).

    For each ordered pair of the M classifiers, those of the branches and the
    main head, KL(p_a || p_b), of which only b feels the gradient: M (M - 1)
    terms.  DKS (Sun et al., CVPR 2019) is this with T = 1 and constant
    weights; DHM (Li et al., CVPR 2020) has the same terms with T^2 and drops
    some of their gradients in each step.

    Args:
        weight: of each term; 1 in both.
        temperature: T, 1 in the released codes.
        smoothing: of the probabilities, see
            :func:`cds_mm.losses.softened_divergence`.
        dynamic: None, or 'term_drop': in each step a number m of 0 to
            M (M - 1) - 1 is drawn, then m terms with replacement, and those
            keep their value but lose their gradient.  The released code of
            DHM has these lines and has them disabled, so that what it runs
            is DKS; the paper's own rule is not known in detail.  It draws
            once a step in its one process; here each rank draws for itself.
        **kwargs: as of :class:`BranchSupervision`.
    """

    @checked
    def __init__(
        self,
        weight: NonNegative = 1.0,
        temperature: Positive = 1.0,
        smoothing: NonNegative = 1e-8,
        dynamic: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if dynamic not in DYNAMICS:
            raise ValueError(
                f'dynamic is one of {DYNAMICS}, but it is {dynamic!r}'
            )
        self.weight = weight
        self.temperature = temperature
        self.smoothing = smoothing
        self.dynamic = dynamic

    def connect(
        self, network: NetworkSpec, teacher: NetworkSpec | None = None
    ) -> None:
        """See that the branches end in class logits."""
        self.check_classes(network)

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """A loss ``a-b`` for each pair, by which b follows a.

        ``dropped`` is the share of the terms that have no gradient.
        """
        logits = self.rows_of_branches(outputs)
        logits[MAIN] = outputs.logit_rows(self.views)
        pairs = list(permutations(logits, 2))
        losses = {
            f'{a}-{b}': self.weight
            * softened_divergence(
                logits[a], logits[b], self.temperature, self.smoothing
            )
            for a, b in pairs
        }
        if self.dynamic is None:
            return losses, {}
        dropped = drawn_terms(len(pairs))
        for index in dropped:
            name = '-'.join(pairs[index])
            losses[name] = losses[name].detach()
        share = torch.tensor(len(dropped) / len(pairs))
        return losses, {'dropped': share}

    def describe(self) -> str:
        """One line for the log."""
        dynamic = (
            ', gradients of a random third dropped' if self.dynamic else ''
        )
        return (
            f'synergy x {self.weight:g} between the head and {self.where}, '
            f'temperature {self.temperature:g} (a-b: b follows a){dynamic}'
        )
