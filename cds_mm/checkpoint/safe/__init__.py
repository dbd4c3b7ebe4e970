"""Checkpoint files as data: a pickle machine that can call nothing.

Neither Python's unpickler nor torch's is used.  What a file may name is a
table (``names``), each entry of which makes plain values and checks what it
is given; memory is bounded by the size of the file (``limits``).
"""

from cds_mm.checkpoint.safe.data_pickle import read_data
from cds_mm.checkpoint.safe.finish import finite_number
from cds_mm.checkpoint.safe.layout import read_content
from cds_mm.checkpoint.safe.limits import Refused, RunsCode
from cds_mm.checkpoint.safe.stand_ins import Instances, LogBuffer, Method

__all__ = [
    'Instances',
    'LogBuffer',
    'Method',
    'Refused',
    'RunsCode',
    'finite_number',
    'read_content',
    'read_data',
]
