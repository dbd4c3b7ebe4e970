"""Says what is installed, what is in use, and what is known to break.

    python -m cds_mm.doctor [--json]

Facts are gathered first (`gather`), with nothing raised; the checks are pure
functions from facts to findings.  Exits with 1 if something is broken.
"""

from cds_mm.doctor.checks import (
    CHECKS,
    check_gpu,
    check_ops,
    check_threads,
    diagnose,
)
from cds_mm.doctor.facts import HOSTS, IMPORTS, PACKAGES, Facts, gather
from cds_mm.doctor.finding import (
    BROKEN,
    LEVELS,
    NOTE,
    OK,
    WARNING,
    Finding,
    worst,
)
from cds_mm.doctor.packages import (
    check_lines,
    check_opencv,
    check_packages,
    check_torchvision,
)
from cds_mm.doctor.report import as_json, as_text, versions

__all__ = [
    'BROKEN',
    'CHECKS',
    'HOSTS',
    'IMPORTS',
    'LEVELS',
    'NOTE',
    'OK',
    'PACKAGES',
    'WARNING',
    'Facts',
    'Finding',
    'as_json',
    'as_text',
    'check_gpu',
    'check_lines',
    'check_opencv',
    'check_ops',
    'check_packages',
    'check_threads',
    'check_torchvision',
    'diagnose',
    'gather',
    'versions',
    'worst',
]
