"""What every supervision has in common."""

from torch import Tensor, nn

from cds_mm.branches import NetworkSpec
from cds_mm.errors import UserError
from cds_mm.structures import StageOutputs

Losses = dict[str, Tensor]
Counters = dict[str, Tensor]


class Supervision(nn.Module):
    """Turns what the network shows into named losses and counters.

    Names are short; the classifier puts the supervision's own name in front.
    A loss ``''`` becomes ``loss_<name>``, a loss ``'stage1'`` becomes
    ``loss_<name>.stage1``, a counter ``'share'`` becomes ``<name>.share``.

    Attributes:
        num_views: how many views of each image it needs, None for any.
    """

    num_views: int | None = None

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


def chosen_branches(
    wanted: tuple[str, ...] | None, present: list[str]
) -> list[str]:
    """``wanted``, or all that are present.

    Raises:
        UserError: a wanted branch is not there.
    """
    if wanted is None:
        return list(present)
    missing = [name for name in wanted if name not in present]
    if missing:
        raise UserError(
            f"branches {', '.join(missing)}: not among the model's branches "
            f'({", ".join(present) or "none"}); name some of these'
        )
    return list(wanted)


def needs_teacher(
    supervision: Supervision, teacher: NetworkSpec | None
) -> NetworkSpec:
    """The teacher, which has to be there.

    Raises:
        UserError: there is none.
    """
    if teacher is None:
        raise UserError(
            f'{type(supervision).__name__}: the model has no teacher; set '
            "model.teacher=dict(type='Teacher', config=..., checkpoint=...)"
        )
    return teacher


def shared_stages(
    supervision: Supervision,
    wanted: tuple[str, ...] | None,
    network: NetworkSpec,
    teacher: NetworkSpec,
) -> list[str]:
    """``wanted``, or all stages of the network; the teacher has to have them.

    Raises:
        UserError: network or teacher lack one.
    """
    stages = list(network.stages) if wanted is None else list(wanted)
    for name in stages:
        for side, owner in ((network, 'the model'), (teacher, 'the teacher')):
            if name not in side.stages:
                raise UserError(
                    f'{type(supervision).__name__} on {name}: {owner} gives '
                    f'{", ".join(side.stages)}; name stages that both have'
                )
    return stages
