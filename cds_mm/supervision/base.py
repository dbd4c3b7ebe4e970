"""What every supervision has in common."""

from torch import Tensor, nn

from cds_mm.errors import UserError
from cds_mm.structures import StageOutputs


class Supervision(nn.Module):
    """Turns what the network shows into named losses and counters.

    ``forward`` returns short names; the classifier puts the supervision's
    own name in front.  A key ``''`` becomes ``loss_<name>``, a key
    ``'stage1'`` becomes ``loss_<name>.stage1``.  What :meth:`counters`
    returns is logged as ``<name>.<key>`` and never summed into the loss.

    Attributes:
        num_views: how many views of each image it needs, None for any.
    """

    num_views: int | None = None

    def reads(self, branches: list[str]) -> list[str]:
        """Those of ``branches`` that it uses; the others are not built."""
        return []

    def forward(self, outputs: StageOutputs) -> dict[str, Tensor]:
        """Weighted scalar losses, float32, by short name."""
        raise NotImplementedError

    def counters(self, outputs: StageOutputs) -> dict[str, Tensor]:
        """Scalar float tensors for the log alone."""
        return {}

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
