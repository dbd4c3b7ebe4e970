"""Imports whatever registers something, in the one order that works."""

import contextlib
import io
import warnings

from cds_mm import ops

# Before anything of MMDetection: its imports fail where mmcv has no ops.
ops.install()

# The hosts print to stdout while they are imported ("Could not import
# OneDL", "Line NMS is not compiled"): nothing that a user could act on.
with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import mmpretrain.datasets
    import mmpretrain.evaluation
    import mmpretrain.models  # noqa: F401

from cds_mm import (  # noqa: E402, F401
    backbones,
    branches,
    classifier,
    data,
    evaluation,
    hooks,
    losses,
    optim_wrapper,
    supervision,
    teacher,
)
