"""Cost, curves, stage probes and reliability of what was trained."""

import cds_mm.hosts  # noqa: F401
