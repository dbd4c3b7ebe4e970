"""A detector that finds nothing has an AP, namely 0."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.run_warnings import warn

# The second has a compiled evaluator, the third goes by names.
METRICS = ('CocoMetric', 'FasterCocoMetric', 'NamedCocoMetric')
SUFFIXES = ('', '_50', '_75', '_s', '_m', '_l')


@HOOKS.register_module()
class ZeroAPHook(Hook):
    """Report AP 0 with a warning where the COCO metric reports nothing.

    Without a single detection the host's metric logs an error and returns
    an empty dict, so "best" is not saved, and who reads the key fails.
    """

    priority = 'HIGHEST'  # before those that read the metrics

    def after_val_epoch(
        self, runner: Runner, metrics: dict | None = None
    ) -> None:
        """Fill in the zeros after validation."""
        self._fill(runner, runner.val_evaluator, metrics)

    def after_test_epoch(
        self, runner: Runner, metrics: dict | None = None
    ) -> None:
        """Fill in the zeros after testing."""
        self._fill(runner, runner.test_evaluator, metrics)

    def _fill(self, runner, evaluator, metrics):
        for metric in evaluator.metrics:
            if type(metric).__name__ not in METRICS:
                continue
            for kind in metric.metrics:
                name = f'{metric.prefix}/{kind}_mAP'
                if kind == 'proposal' or name in metrics:
                    continue
                warn(
                    f'Not one detection in the whole data set: {name} is 0',
                    runner.logger,
                )
                metrics.update({name + suffix: 0.0 for suffix in SUFFIXES})
