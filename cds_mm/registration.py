"""Registers everything of this project with MMEngine's registries.

It also makes MMEngine read checkpoints, pickles and YAML with the readers of
this project, which run nothing that is in a file.

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
    schedules,
    supervision,
    teacher,
)
from cds_mm.checkpoint import host_files, host_loader
from cds_mm.config import inheritance, plain_yaml

host_loader.register()
host_files.register()
plain_yaml.register()
inheritance.register()
inheritance.register_hub()
