"""Trainings and tests, from their arguments to their end."""

import cds_mm.hosts  # noqa: F401
