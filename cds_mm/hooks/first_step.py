"""The moment just before an optimizer takes a step."""

from collections.abc import Callable

from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner
from torch.optim import Optimizer


class BeforeStep:
    """Does something once, before the next step of a run's optimizers.

    After a step, one that is as large as the weights looks like weights that
    were initialised again; before it, they are what was loaded.

    Args:
        runner: its optimizers are waited for.
        action: takes and returns nothing; what it raises ends the step.
    """

    def __init__(self, runner: Runner, action: Callable[[], None]):
        self._action: Callable[[], None] | None = action
        self._handles = [
            optimizer.register_step_pre_hook(self._before)
            for optimizer in _optimizers(runner)
        ]

    def do(self) -> None:
        """Do it now, if no optimizer has made a step; wait no longer."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._before()

    def _before(self, *args: object) -> None:
        # Not here are the handles removed: the optimizer goes through them.
        action, self._action = self._action, None
        if action is not None:
            action()


def _optimizers(runner: Runner) -> list[Optimizer]:
    wrapper = runner.optim_wrapper
    several = isinstance(wrapper, OptimWrapperDict)
    wrappers = [*wrapper.values()] if several else [wrapper]
    found = [getattr(one, 'optimizer', None) for one in wrappers]
    # Another library's optimizer gives no such moment.
    return [one for one in found if isinstance(one, Optimizer)]
