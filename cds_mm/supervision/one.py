"""On-the-fly native ensemble (ONE): peers that learn from their ensemble."""

import math

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from cds_mm.arguments import NonNegative, Positive, Share, checked
from cds_mm.branches import NetworkSpec
from cds_mm.errors import UserError
from cds_mm.losses import labelled_cross_entropy, softened_divergence
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import (
    MAIN,
    BranchSupervision,
    Counters,
    Losses,
)


class Gate(nn.Sequential):
    """How much each peer has to say: (N, C, H, W) to (N, peers), sum 1.

    Args:
        channels: C of the stage that the peers share.
        peers: how many classifiers there are.
    """

    def __init__(self, channels: int, peers: int):
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels, peers),
            nn.BatchNorm1d(peers),
            nn.ReLU(inplace=True),
            nn.Softmax(1),
        )


@MODELS.register_module()
class EnsembleSupervision(BranchSupervision):
    """The gated ensemble learns the label, and each peer the ensemble.

    On-the-fly Native Ensemble (Lan et al., NeurIPS 2018), called OKD in the
    tables.  The peers are the main head and the branches, which have a last
    stage of their own; their own cross entropy comes from other supervisions.
    What is deployed is the main head alone.  The gate has a BatchNorm: a
    batch of one image on a rank, also the last of an epoch, is too few.

    Args:
        weight: of the divergences, at the end of the ramp.
        temperature: T; the divergences carry T^2.  (The released code adds
            1e-7 to the ensemble's probabilities; logarithms of softmax need
            no such help.)
        ramp: share of the run in which the divergences' weight grows as
            exp(-5 (1 - p)^2), p from 0 to 1, with each epoch and not within
            one: 80 of 300 epochs in the released code.  0 for full weight
            from the start.
        **kwargs: as of :class:`BranchSupervision`.
    """

    @checked
    def __init__(
        self,
        weight: NonNegative = 1.0,
        temperature: Positive = 3.0,
        ramp: Share = 80 / 300,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.weight = weight
        self.temperature = temperature
        self.ramp = ramp

    def connect(
        self, network: NetworkSpec, teacher: NetworkSpec | None = None
    ) -> None:
        """Put a gate on the stage before the last, which all peers share."""
        if len(network.stages) < 2:
            raise UserError(
                'EnsembleSupervision: the backbone gives one stage, but the '
                "gate reads the one before the last; widen the backbone's "
                'out_indices'
            )
        self.check_classes(network)
        self.shared = list(network.stages)[-2]
        peers = 1 + len(self.reads(list(network.branches)))
        self.gate = Gate(network.stages[self.shared].channels, peers)

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """``ensemble``, and a divergence for each peer."""
        main = outputs.logit_rows(self.views)
        logits = {MAIN: main, **self.rows_of_branches(outputs)}
        shared = outputs.rows(outputs.maps[self.shared], self.views)
        ensemble = mix(self.gate(shared), list(logits.values()))
        labels = outputs.labels.repeat(len(self.views))
        losses = {'ensemble': labelled_cross_entropy(ensemble, labels)}
        progress = outputs.epoch_progress
        if progress is None:
            progress = outputs.progress
        ramp = ramp_up(progress, self.ramp)
        for name, peer in logits.items():
            losses[name] = (
                self.weight
                * ramp
                * softened_divergence(ensemble, peer, self.temperature)
            )
        return losses, {'ramp': torch.tensor(ramp)}

    def describe(self) -> str:
        """One line for the log."""
        return (
            f'gated ensemble of the head and {self.where}, divergence x '
            f'{self.weight:g}, temperature {self.temperature:g}'
        )


def mix(weights: Tensor, logits: list[Tensor]) -> Tensor:
    """(N, P) weights and P times (N, K) logits to (N, K)."""
    return (weights.unsqueeze(2) * torch.stack(logits, 1)).sum(1)


def ramp_up(progress: float, length: float) -> float:
    """exp(-5 (1 - p)^2) with p the share of ``length`` that is done."""
    if not length:
        return 1.0
    return math.exp(-5 * (1 - min(progress / length, 1)) ** 2)
