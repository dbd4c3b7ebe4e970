"""Says what is installed, what is in use, and what is known to break.

    python -m cds_mm.doctor

Facts are gathered first (`gather`), with nothing raised; the checks are pure
functions from facts to findings.  Exits with 1 if something is broken.
"""

from cds_mm.doctor.checks import diagnose
from cds_mm.doctor.facts import Facts, gather
from cds_mm.doctor.finding import Finding
from cds_mm.doctor.report import as_text

__all__ = ['Facts', 'Finding', 'as_text', 'diagnose', 'gather']
