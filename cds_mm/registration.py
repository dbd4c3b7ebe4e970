"""Registers everything of this project with MMEngine's registries.

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
