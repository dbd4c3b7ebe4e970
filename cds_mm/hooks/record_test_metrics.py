"""Send the metrics of a test to experiment trackers."""

from numbers import Real

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.visualization import LocalVisBackend


@HOOKS.register_module()
class RecordTestMetricsHook(Hook):
    """Record what ``tools/test.py`` has measured.

    The host sends the metrics of a validation to every visual backend, and
    those of a test to none: it writes them to a JSON file of their own.  The
    local backend is left out, whose ``scalars.json`` is the log of a training.
    """

    # After the hooks that complete the metrics.
    priority = 'LOW'

    @master_only
    def after_test_epoch(
        self, runner: Runner, metrics: dict | None = None
    ) -> None:
        """Send the numbers among the metrics."""
        numbers = {
            name: float(value)
            for name, value in (metrics or {}).items()
            if isinstance(value, Real)
        }
        # The host has no public way to all backends but one.
        for backend in runner.visualizer._vis_backends.values():
            if not isinstance(backend, LocalVisBackend):
                backend.add_scalars(numbers)
