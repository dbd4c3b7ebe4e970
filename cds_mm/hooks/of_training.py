"""Whether a runner trains or tests."""

from mmengine.runner import BaseLoop, Runner


def trains(runner: Runner) -> bool:
    """Whether the run is a training, from its first hook on.

    ``runner.train_loop`` would build the loop, and the data, for a test.
    """
    return isinstance(runner._train_loop, BaseLoop)
