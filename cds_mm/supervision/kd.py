"""Knowledge distillation (KD): the logits follow those of the teacher."""

from mmpretrain.registry import MODELS

from cds_mm.arguments import NonNegative, Positive, Share, Views, checked
from cds_mm.losses import (
    selected_divergence,
    softened_cross_entropy,
    softened_divergence,
)
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision.base import (
    Counters,
    Losses,
    Supervision,
)

FORMS = {'kl': softened_divergence, 'cross_entropy': softened_cross_entropy}


@MODELS.register_module()
class LogitDistillation(Supervision):
    """The student's classes follow the teacher's (Hinton et al., 2015).

    Args:
        weight: of the loss; 0.9 beside 0.1 of cross entropy in the CIFAR
            recipe of RepDistiller, whose temperature is 4.
        temperature: T.
        form: 'kl', T^2 KL(softmax(t / T) || softmax(s / T)), or
            'cross_entropy' of the two without T^2, as in the released code of
            distilled CDS; mean over the rows both.
        views: which views it reads.
        keep_wrong: share of the rows with the teacher's mistakes that is
            followed all the same, the smaller ones first (SSKD, with 'kl');
            None for all rows.
    """

    needs_teacher = True

    @checked
    def __init__(
        self,
        weight: NonNegative = 0.9,
        temperature: Positive = 4.0,
        form: str = 'kl',
        views: Views = (0,),
        keep_wrong: Share | None = None,
    ):
        super().__init__()
        if form not in FORMS:
            raise ValueError(
                f'form is one of {tuple(FORMS)}, but it is {form!r}'
            )
        if keep_wrong is not None and form != 'kl':
            raise ValueError(f"keep_wrong is for form 'kl', not {form!r}")
        self.weight = weight
        self.temperature = temperature
        self.form = form
        self.views = tuple(views)
        self.keep_wrong = keep_wrong

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """``{'': scalar}``."""
        target, logits = (
            side.logit_rows(self.views)
            for side in (outputs.required_teacher, outputs)
        )
        return {'': self.weight * self._loss(outputs, target, logits)}, {}

    def _loss(self, outputs, target, logits):
        if self.keep_wrong is None:
            return FORMS[self.form](target, logits, self.temperature)
        labels = outputs.labels.repeat(len(self.views))
        return selected_divergence(
            target, logits, labels, self.keep_wrong, self.temperature
        )

    def describe(self) -> str:
        """One line for the log."""
        line = (
            f"teacher's logits x {self.weight:g} by {self.form}, "
            f'temperature {self.temperature:g}'
        )
        if self.keep_wrong is None:
            return line
        return f'{line}, with {self.keep_wrong:.0%} of its mistakes'
