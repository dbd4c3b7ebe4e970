"""A detector that finds nothing has an AP, namely 0."""

from collections.abc import Iterator

from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.coco.evaluators import OF_BOXES
from cds_mm.run_warnings import warn

SUFFIXES = ('', '_50', '_75', '_s', '_m', '_l')


@HOOKS.register_module()
class ZeroAPHook(Hook):
    """Report AP 0 with a warning where the COCO metric reports nothing.

    Without a single detection the host's metric logs an error and returns
    an empty dict, so "best" is not saved, and who reads the key fails.  A
    metric that only writes its results has no AP.
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
        for prefix, metric in _coco_metrics(evaluator):
            for kind in metric.metrics:
                start = f'{prefix}/{kind}_'
                if kind == 'proposal' or any(
                    key.startswith(start) for key in metrics
                ):
                    continue
                name = f'{start}mAP'
                warn(
                    f'Not one detection in the whole data set: {name} is 0',
                    runner.logger,
                )
                metrics.update({name + suffix: 0.0 for suffix in SUFFIXES})


def _coco_metrics(evaluator: Evaluator) -> Iterator[tuple[str, BaseMetric]]:
    """Metrics that give an AP, with what stands before its name."""
    # MMDetection's evaluator of several data sets has one metric for each.
    of_several = getattr(evaluator, 'dataset_prefixes', None)
    for number, metric in enumerate(evaluator.metrics):
        if type(metric).__name__ not in OF_BOXES or metric.format_only:
            continue
        prefix = metric.prefix
        if of_several:
            prefix = f'{of_several[number]}/{prefix}'
        yield prefix, metric
