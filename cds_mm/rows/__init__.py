"""Filling rows of the paper's tables; `tools/run_row.py`."""

from cds_mm.rows.cell import Cell, find_config
from cds_mm.rows.plan import Run, plan_runs, with_needs
from cds_mm.rows.result import is_finished, read_result
from cds_mm.rows.scale import Scale, load_scale
from cds_mm.rows.table import write_table
from cds_mm.rows.work import run_missing

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
