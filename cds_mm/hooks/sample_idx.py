"""One number for each image, also where data sets are concatenated."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.data.labels import built_steps, leaf_datasets


@HOOKS.register_module()
class SampleIdxHook(Hook):
    """Make ``sample_idx`` unique, as instance ids come from it.

    Each of several data sets counts from 0; all but the first get a first
    step in their pipeline that adds the images before them.
    """

    # Before workers are started, which copy the pipeline.
    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Set it up; training may start twice on one data set."""
        separate_indices(runner.train_dataloader.dataset)


class IndexOffset:
    """Move ``sample_idx`` behind those of the data sets before this one.

    Args:
        offset: how many images they have.
    """

    def __init__(self, offset: int):
        self.offset = offset

    def __call__(self, results: dict) -> dict:
        """Add the offset, in place."""
        results['sample_idx'] += self.offset
        return results


def separate_indices(dataset) -> None:
    """Give the data sets inside of one their :class:`IndexOffset`."""
    offset = 0
    for leaf in leaf_datasets(dataset):
        if offset:
            steps = built_steps(leaf)
            steps[:] = [s for s in steps if not isinstance(s, IndexOffset)]
            steps.insert(0, IndexOffset(offset))
        offset += len(leaf)
