"""What every supervision has in common."""

from torch import Tensor, nn

from cds_mm.arguments import Views, checked
from cds_mm.branches import NetworkSpec
from cds_mm.errors import UserError
from cds_mm.stage_outputs import StageOutputs

# What the main head is called among the classifiers of a network.
MAIN = 'head'
Losses = dict[str, Tensor]
Counters = dict[str, Tensor]


class Supervision(nn.Module):
    """Turns what the network shows into named losses and counters.

    Names are short; the classifier puts the supervision's own name in front.
    A loss ``''`` becomes ``loss_<name>``, a loss ``'stage1'`` becomes
    ``loss_<name>.stage1``, a counter ``'share'`` becomes ``<name>.share``.

    Attributes:
        num_views: how many views of each image it needs, None for any.
        needs_teacher: whether it reads a teacher; :meth:`connect` sees to
            it that there is one.
        needs_labels: whether it wants to know the labels of the training
            set, see :meth:`connect_data`.
    """

    num_views: int | None = None
    needs_teacher: bool = False
    needs_labels: bool = False

    def reads(self, branches: list[str]) -> list[str]:
        """Those of ``branches`` that it uses; the others are not built."""
        return []

    def connect(
        self, network: NetworkSpec, teacher: NetworkSpec | None = None
    ) -> None:
        """Build what has to fit the network; called once, after it is built.

        Nobody types a width twice: an adapter or an embedding asks here.

        Args:
            network: its stages, classes and branches.
            teacher: the same of the teacher, None where there is none.

        Raises:
            UserError: network or teacher lack what this supervision reads.
        """
        if self.needs_teacher:
            self.required_teacher(teacher)

    def required_teacher(self, teacher: NetworkSpec | None) -> NetworkSpec:
        """The teacher of :meth:`connect`, for a supervision that needs one.

        Raises:
            UserError: there is none.
        """
        if teacher is None:
            raise UserError(
                f'{type(self).__name__}: the model has no teacher; set '
                "model.teacher=dict(type='Teacher', config=..., "
                'checkpoint=...)'
            )
        return teacher

    def connect_data(self, labels: Tensor) -> None:
        """Build what has to fit the training set; called before the run.

        Only where ``needs_labels``, and only for training.

        Args:
            labels: (n,) int64 class of each image of the training set, -1
                where it is not known.
        """

    def forward(self, outputs: StageOutputs) -> tuple[Losses, Counters]:
        """One step.

        Returns:
            tuple: weighted scalar losses, which are summed and trained on,
            and scalar counters, which are logged alone; float tensors both.
        """
        raise NotImplementedError

    def describe(self) -> str:
        """One line for the log at the start of a run."""
        return type(self).__name__


def asking_for_labels(model: nn.Module) -> list[Supervision]:
    """The supervisions of a model that want ``connect_data``."""
    supervisions = getattr(model, 'supervisions', {})
    return [s for s in supervisions.values() if s.needs_labels]


class BranchSupervision(Supervision):
    """A supervision of some branches, on the rows of some views.

    Args:
        branches: names of the branches, None for all.
        views: which views it reads.
    """

    @checked
    def __init__(
        self,
        branches: tuple[str, ...] | None = None,
        views: Views = (0,),
    ):
        super().__init__()
        self.branches = None if branches is None else tuple(branches)
        self.views = tuple(views)

    def reads(self, branches: list[str]) -> list[str]:
        """The chosen branches.

        Raises:
            UserError: one of them is not there, or there is none at all.
        """
        wanted = branches if self.branches is None else self.branches
        missing = [name for name in wanted if name not in branches]
        if missing or not wanted:
            raise UserError(
                f'{type(self).__name__}: branches '
                f'{", ".join(missing) or "of any name"} are not among the '
                f"model's ({', '.join(branches) or 'none'}); name some of "
                'these, or add them to model.branches'
            )
        return list(wanted)

    def rows_of_branches(self, outputs: StageOutputs) -> dict[str, Tensor]:
        """The chosen branches' rows of the chosen views, by name."""
        return {
            name: outputs.rows(outputs.branches[name], self.views)
            for name in self.reads(list(outputs.branches))
        }

    def check_classes(self, network: NetworkSpec) -> None:
        """See that the chosen branches end in class logits.

        Raises:
            UserError: one of them is a projection.
        """
        for name in self.reads(list(network.branches)):
            if network.branches[name] != network.num_classes:
                raise UserError(
                    f'{type(self).__name__} on {name}: that branch has '
                    f'{network.branches[name]} outputs, not one for each of '
                    f'the {network.num_classes} classes; give it head=dict('
                    "type='ClassHead'), or name other branches"
                )

    @property
    def where(self) -> str:
        """The branches, for people."""
        return ', '.join(self.branches) if self.branches else 'all branches'


def paired(ours: list[str], theirs: list[str]) -> dict[str, str] | None:
    """Each of ours with the teacher's of that name, else with that in turn.

    Stages of unlike networks have other names: with their usual outputs
    MobileNetV2 has stage2, 3, 5 and 7 where a ResNet has stage1 to 4.

    Returns:
        dict: by our name; None where names and counts differ.
    """
    if set(ours) <= set(theirs):
        return dict(zip(ours, ours, strict=True))
    if len(ours) == len(theirs):
        return dict(zip(ours, theirs, strict=True))
    return None


def shared_stages(
    supervision: Supervision,
    wanted: tuple[str, ...] | int | None,
    network: NetworkSpec,
    teacher: NetworkSpec,
) -> dict[str, str]:
    """The stages that are compared, and which of the teacher's each is with.

    Args:
        supervision: that compares them.
        wanted: names, which both have to have; a number, for the last so
            many of both; None for all of them.
        network: of the student.
        teacher: of the teacher.

    Raises:
        UserError: network or teacher lack one.
    """
    ours, theirs = list(network.stages), list(teacher.stages)
    if isinstance(wanted, tuple):
        return _named_stages(supervision, wanted, ours, theirs)
    if wanted is not None:
        ours, theirs = ours[-wanted:], theirs[-wanted:]
    pairs = paired(ours, theirs)
    if pairs is None or (wanted is not None and len(ours) < wanted):
        raise UserError(
            f'{type(supervision).__name__} on '
            f'{"all" if wanted is None else f"the last {wanted}"} stages: '
            f'the model gives {", ".join(network.stages)}, the teacher '
            f'{", ".join(teacher.stages)}; set stages to a number, for the '
            'last so many of both'
        )
    return pairs


def _named_stages(supervision, wanted, ours, theirs):
    for name in wanted:
        for side, owner in ((ours, 'the model'), (theirs, 'the teacher')):
            if name not in side:
                raise UserError(
                    f'{type(supervision).__name__} on {name}: {owner} gives '
                    f'{", ".join(side)}; name stages that both have, or set '
                    'stages to a number, for the last so many of both'
                )
    return dict(zip(wanted, wanted, strict=True))


def check_shared_branches(
    supervision: Supervision,
    names: list[str],
    teacher: NetworkSpec,
    trained: str,
) -> None:
    """See that the teacher has branches of these names.

    Args:
        supervision: who reads them.
        names: of the branches.
        teacher: its spec.
        trained: how one that has them was trained, for people.

    Raises:
        UserError: it lacks one.
    """
    missing = [name for name in names if name not in teacher.branches]
    if missing:
        raise UserError(
            f'{type(supervision).__name__}: the teacher has no branch '
            f'{", ".join(missing)} (it has '
            f'{", ".join(teacher.branches) or "none"}); take a teacher '
            f'{trained}, and its config'
        )
