"""`StageOutputs`: what a network gives its supervisions in a training step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from cds_mm.errors import UserError

__all__ = ['StageOutputs']


@dataclass
class StageOutputs:
    """Everything that a supervision may read, and nothing else.

    Rows are **view-major**: with B images and V views a per-view tensor has
    V*B rows, the first view of image b in row b, its second view in row
    B + b.  B, K, D below are images, classes and a branch's width.

    Attributes:
        labels: (B,) int64 class of each image, -1 where it is not known.
        sample_idx: (B,) int64 place of each image in the data set, from
            which instance ids come.  (A per-rank ``arange`` would collide
            when it is gathered.)
        num_views: V.
        logits: (V*B, K) of the main head, or None where there is no head.
        embedding: (V*B, D) the pooled vector that the main head reads, or
            None where there is no neck.
        maps: feature map of each stage by name, (V*B, C, H, W).
        branches: output of each branch by name, (V*B, D), **not
            normalised**: who needs unit vectors normalises in fp32.
        progress: share of the training run that is done, in [0, 1].
        teacher: the teacher's outputs for the same rows, or None.
        extras: what one method alone needs.
        whose: which network they are of, for messages.
        epoch_progress: ``progress`` at the start of the current epoch, for
            ramps that move by the epoch; None for ``progress`` itself, as of
            a run that counts iterations.
    """

    labels: Tensor
    sample_idx: Tensor
    num_views: int = 1
    logits: Tensor | None = None
    embedding: Tensor | None = None
    maps: dict[str, Tensor] = field(default_factory=dict)
    branches: dict[str, Tensor] = field(default_factory=dict)
    progress: float = 0.0
    teacher: StageOutputs | None = None
    extras: dict[str, Any] = field(default_factory=dict)
    whose: str = 'the model'
    epoch_progress: float | None = None

    @property
    def num_images(self) -> int:
        """B, the number of images, each of which has ``num_views`` rows."""
        return self.labels.size(0)

    def rows(self, per_view: Tensor, views: tuple[int, ...]) -> Tensor:
        """The rows of some views of a (V*B, ...) tensor, in their order."""
        chosen = [
            per_view.unflatten(0, (self.num_views, -1))[v] for v in views
        ]
        return torch.cat(chosen)

    def logit_rows(self, views: tuple[int, ...]) -> Tensor:
        """The rows of some views of the main head's logits.

        Raises:
            UserError: there is no head.
        """
        if self.logits is None:
            raise UserError(
                f'{self.whose} has no head, whose logits a supervision '
                'reads; set the head of its config'
            )
        return self.rows(self.logits, views)

    def embedding_rows(self, views: tuple[int, ...]) -> Tensor:
        """The rows of some views of the pooled vectors.

        Raises:
            UserError: there is no neck.
        """
        if self.embedding is None:
            raise UserError(
                f'{self.whose} has no neck, whose pooled vector a supervision '
                "reads; set neck=dict(type='GlobalAveragePooling') in its "
                'config'
            )
        return self.rows(self.embedding, views)

    @property
    def required_teacher(self) -> StageOutputs:
        """The teacher's outputs, for a supervision that needs them.

        Raises:
            ValueError: there are none.
        """
        if self.teacher is None:
            raise ValueError('these outputs come without those of a teacher')
        return self.teacher
