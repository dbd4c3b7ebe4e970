"""Repeats the warnings of a run where they are read: at its end."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.run_warnings import repeat_warnings


@HOOKS.register_module()
class WarningSummaryHook(Hook):
    """Log once more, after training or testing, what was warned of."""

    # After all that may still warn.
    priority = 'LOWEST'

    def after_run(self, runner: Runner) -> None:
        """Log them, if there are any."""
        repeat_warnings(runner.logger)
