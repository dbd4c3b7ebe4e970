"""Contrastive representation distillation (CRD)."""

import torch
from mmengine.dist import broadcast
from mmpretrain.registry import MODELS
from torch import Tensor

from cds_mm.arguments import (
    Count,
    NonNegative,
    Positive,
    Share,
    Views,
    checked,
)
from cds_mm.branches import NetworkSpec
from cds_mm.data.seeding import seeded_generator
from cds_mm.distributed import gather_counts, gather_rows, rank
from cds_mm.errors import UserError
from cds_mm.losses import (
    bank_scores,
    momentum_update,
    nce_loss,
    sample_negatives,
)
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import Counters, Losses, Supervision
from cds_mm.supervision.crd_bank import EmbeddingBank


@MODELS.register_module()
class ContrastiveRepresentationDistillation(Supervision):
    """Find the teacher's embedding of an image among many (Tian, ICLR 2020).

    As in its released code (RepDistiller), see :mod:`cds_mm.losses.crd`:
    two trained embeddings, two banks with a row for each image of the
    training set, and for each image K negatives of other classes.  The
    banks are buffers, equal on all ranks; which negatives a step draws is a
    function of (seed, step, rank), so a resumed run draws the same.  An
    average of weights (EMAHook) keeps a second set of the banks.

    Args:
        weight: of both sides; 0.8 in RepDistiller.
        temperature: tau of the scores.
        num_negatives: K; fewer where a class has fewer images of others.
        width: D of the embeddings.
        momentum: share of the old row where a bank moves.
        views: which views it reads.
    """

    needs_teacher = True
    needs_labels = True
    labels: Tensor | None
    seed: Tensor
    step: Tensor

    @checked
    def __init__(
        self,
        weight: NonNegative = 0.8,
        temperature: Positive = 0.07,
        num_negatives: Count = 16384,
        width: Count = 128,
        momentum: Share = 0.5,
        views: Views = (0,),
    ):
        super().__init__()
        self.weight = weight
        self.temperature = temperature
        self.num_negatives = num_negatives
        self.width = width
        self.momentum = momentum
        self.views = tuple(views)
        self.register_buffer('labels', None, persistent=False)
        self.register_buffer('seed', torch.zeros((), dtype=torch.int64))
        self.register_buffer('step', torch.zeros((), dtype=torch.int64))

    def connect(
        self, network: NetworkSpec, teacher: NetworkSpec | None = None
    ) -> None:
        """Build the embeddings."""
        self.student = EmbeddingBank(network.last.channels, self.width)
        theirs = self.required_teacher(teacher).last.channels
        self.teacher = EmbeddingBank(theirs, self.width)

    def connect_data(self, labels: Tensor) -> None:
        """Build the banks; nothing where they are there for these labels.

        Args:
            labels: (n,) int64 class of each image of the training set.

        Raises:
            UserError: a label is unknown, or all are of one class.
        """
        labels = labels.to(self.seed.device)
        if self.labels is not None and torch.equal(self.labels, labels):
            return
        self.candidates = _others_of_each_class(labels)
        self.labels = labels
        # Every rank draws, so that their generators stay together.
        self.seed.copy_(torch.randint(2**63 - 1, ()))
        broadcast(self.seed)
        self.step.zero_()
        generator = seeded_generator(labels.device, int(self.seed))
        for side in (self.student, self.teacher):
            side.connect_data(len(labels), generator)

    @property
    def used_negatives(self) -> int:
        """K, or as many as every class has, of a known training set."""
        # RepDistiller (dataset/cifar100.py, CIFAR100InstanceSample) draws
        # with replacement where they are fewer than K.
        return min(self.num_negatives, *self.candidates)

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """``student`` and ``teacher``, each against the other's bank.

        Raises:
            UserError: the training set is not known, or is another one.
        """
        labels, images = (
            of_each.repeat(len(self.views))
            for of_each in (outputs.labels, outputs.sample_idx)
        )
        known = self._known_labels()
        self._check_places(images, labels, known)
        negatives = self._negatives(labels, known)
        rows = torch.cat([images.unsqueeze(1), negatives], 1)
        ours = outputs.embedding_rows(self.views)
        theirs = outputs.required_teacher.embedding_rows(self.views)
        student = self.student(ours)
        teacher = self.teacher(theirs.detach())
        losses = {
            'student': self._loss(self.student, student, self.teacher, rows),
            'teacher': self._loss(self.teacher, teacher, self.student, rows),
        }
        # Only now: both are scored against what was stored before.
        self._store(images, student, teacher)
        return losses, {}

    def describe(self) -> str:
        """One line for the log."""
        line = (
            f'stored embeddings of width {self.width} x {self.weight:g}, '
            f'temperature {self.temperature:g}, '
        )
        if self.labels is None:
            return f'{line}{self.num_negatives} negatives at most'
        megabytes = (self.student.bank.nbytes + self.teacher.bank.nbytes) / 1e6
        fewest, most = self.candidates
        return (
            f'{line}{self.used_negatives} negatives of {fewest} to {most} '
            f'images of other classes, {len(self.labels)} images, '
            f'{megabytes:.1f} MB of banks'
        )

    def _known_labels(self) -> Tensor:
        if self.labels is None:
            raise UserError(
                f'{type(self).__name__}: nobody told it the labels of the '
                "training set; add dict(type='TrainingLabelsHook') to "
                'custom_hooks'
            )
        return self.labels

    def _check_places(self, images, labels, known):
        size = len(known)
        outside = images[(images < 0) | (images >= size)]
        if len(outside):
            raise UserError(
                f'{type(self).__name__}: sample_idx {int(outside[0])} is no '
                f'place in the training set, which has {size} images; the '
                'data set has to count them from 0'
            )
        other = images[known[images] != labels]
        if len(other):
            raise UserError(
                f'{type(self).__name__}: the image of sample_idx '
                f'{int(other[0])} has another label in the batch than in the '
                'training set; sample_idx has to be its place there, as it '
                'is in one data set that is not wrapped'
            )

    def _negatives(self, labels, known):
        generator = seeded_generator(
            labels.device, int(self.seed), int(self.step), rank()
        )
        self.step += 1
        return sample_negatives(
            known, labels, self.used_negatives, generator
        ).indices

    def _loss(self, side, embeddings, other, rows):
        raw = bank_scores(other.bank, rows, embeddings, self.temperature)
        return self.weight * nce_loss(
            side.over_constant(raw), 1 / len(side.bank), rows.size(1) - 1
        )

    @torch.no_grad()
    def _store(self, images, student, teacher):
        counts = gather_counts(len(images), images.device)
        images = gather_rows(images, counts)
        for side, rows in ((self.student, student), (self.teacher, teacher)):
            everyone = gather_rows(rows.detach(), counts)
            momentum_update(side.bank, images, everyone, self.momentum)


def _others_of_each_class(labels):
    """Fewest and most images that are of other classes than an image."""
    name = ContrastiveRepresentationDistillation.__name__
    unknown = int((labels < 0).sum())
    if unknown:
        raise UserError(
            f'{name}: {unknown} of {len(labels)} images of the training set '
            'have no label, but negatives are of other classes; take these '
            'images out, or another method'
        )
    counts = labels.bincount()
    counts = counts[counts > 0]
    if len(counts) < 2:
        raise UserError(
            f'{name}: the training set has {len(counts)} class, but '
            'negatives are of other classes; take another data set'
        )
    others = len(labels) - counts
    return int(others.min()), int(others.max())
