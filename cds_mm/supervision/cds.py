"""Contrastive deep supervision (CDS): a contrastive loss on each branch."""

from mmpretrain.registry import MODELS

from cds_mm.arguments import Count, NonNegative, Positive, checked
from cds_mm.distributed import world_size
from cds_mm.losses import (
    poster_contrastive_loss,
    relate,
    related_contrastive_loss,
    unit_rows,
)
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import BranchSupervision, Counters, Losses

POSITIVES = ('label', 'instance')
FORMULAS = ('supcon', 'poster')


@MODELS.register_module()
class ContrastiveSupervision(BranchSupervision):
    """Contrast on branches (Zhang et al., ECCV 2022).

    Args:
        weight: lambda, of each branch; 0.1 in the released code.
        temperature: tau.
        base_temperature: see :func:`cds_mm.losses.contrastive_loss`.
        branches: names of the branches, None for all.  All four stages are
            the released code; the paper's formula sums over the K-1
            intermediate ones: ``('stage1', 'stage2', 'stage3')``.
        positives: 'label': rows of the same class (and an image's own other
            view); 'instance': the other view alone.  The same loss with
            other ids.  An unlabelled image is positive to itself alone.
        gather: positives and negatives from all ranks.  The released code
            contrasts within each GPU, and so does the default.
        formula: 'supcon' as in the released code, or 'poster' as printed
            (mean over its anchors), whose only positive is the other view.
        num_views: V, how many views of each image it expects.
    """

    @checked
    def __init__(
        self,
        weight: NonNegative = 0.1,
        temperature: Positive = 0.07,
        base_temperature: Positive | None = None,
        branches: tuple[str, ...] | None = None,
        positives: str = 'label',
        gather: bool = False,
        formula: str = 'supcon',
        num_views: Count = 2,
    ):
        super().__init__(branches)
        if positives not in POSITIVES or formula not in FORMULAS:
            raise ValueError(
                f'positives is one of {POSITIVES} and formula one of '
                f'{FORMULAS}, but they are {positives!r} and {formula!r}'
            )
        if formula == 'poster' and gather:
            raise ValueError("formula='poster' has no gather: one GPU's rows")
        self.weight = weight
        self.temperature = temperature
        self.base_temperature = base_temperature
        self.positives = positives
        self.gather = gather
        self.formula = formula
        self.num_views = num_views

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """One weighted loss for each branch; shares of anchors that lack.

        ``no_positive`` is the share of the anchors that are left out,
        ``no_partner`` the share of those without another image of their
        class, both over this rank's anchors.
        """
        ids = self._ids(outputs)
        relations = relate(ids, outputs.num_views, self.gather)
        losses = {
            name: self.weight
            * self._loss(unit_rows(outputs.branches[name]), ids, relations)
            for name in self.reads(list(outputs.branches))
        }
        counters = {
            'no_positive': relations.without_positive,
            'no_partner': relations.without_partner,
        }
        return losses, counters

    def describe(self) -> str:
        """One line for the log, saying what is contrasted with what."""
        reach = 'within each GPU (gather=False, as released)'
        if self.gather:
            reach = f'over all {world_size()} GPUs (gather=True)'
        return (
            f'contrast x {self.weight:g} of {self.num_views} views on '
            f'{self.where}, positives by '
            f'{self.positives}, temperature {self.temperature:g}, {reach}'
        )

    def _loss(self, z, ids, relations):
        if self.formula == 'poster':
            return poster_contrastive_loss(z, ids)
        return related_contrastive_loss(
            z, relations, self.temperature, self.base_temperature
        )

    def _ids(self, outputs):
        # Negative ids mean "this very image", so that they never meet a
        # label; sample_idx is the place in the data set, equal on all ranks.
        instance = -1 - outputs.sample_idx
        if self.positives == 'instance':
            return instance
        return outputs.labels.where(outputs.labels >= 0, instance)
