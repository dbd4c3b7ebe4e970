"""Filling rows of the paper's tables; `tools/run_row.py`."""

from cds_mm.experiments.cell import Cell, find_config
from cds_mm.experiments.plan import Run, plan_runs, with_needs
from cds_mm.experiments.result import is_finished, read_result
from cds_mm.experiments.scale import Scale, load_scale
from cds_mm.experiments.table import write_table
from cds_mm.experiments.work import run_missing

__all__ = [
    'Cell',
    'Run',
    'Scale',
    'find_config',
    'is_finished',
    'load_scale',
    'plan_runs',
    'read_result',
    'run_missing',
    'with_needs',
    'write_table',
]
