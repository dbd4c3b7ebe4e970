"""Training flags of modules."""

import contextlib
from collections.abc import Iterator

from torch import nn


@contextlib.contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Set evaluation mode, then restore the flag of every module."""
    flags = [(child, child.training) for child in module.modules()]
    module.eval()
    try:
        yield
    finally:
        # Each flag by hand: `train()` of a backbone freezes its stages again.
        for child, training in flags:
            child.training = training
