"""Makes the host libraries importable; imported before them.

Importing MMPretrain's models imports MMDetection where it is installed, and
that fails where MMCV was installed without its compiled operations.  So every
module of this project that needs a host imports this one first (ruff's
``isort`` section does the ordering).
"""

from cds_mm import ops

ops.install()
