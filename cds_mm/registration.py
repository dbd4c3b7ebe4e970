"""Registers everything of this project with MMEngine's registries.

It also makes MMEngine read checkpoints with the reader of this project, which
runs nothing that is in a file.

A config names it: ``custom_imports = dict(imports=['cds_mm.registration'])``.
"""

import cds_mm.hosts  # noqa: F401

import mmpretrain.datasets
import mmpretrain.evaluation
import mmpretrain.models  # noqa: F401

from cds_mm import (  # noqa: F401
    backbones,
    branches,
    classifier,
    data,
    evaluation,
    hooks,
    optim_wrapper,
    supervision,
    teacher,
)
from cds_mm.checkpoint import host_loader

host_loader.register()
