"""``python tools/run_row.py --help``."""

import sys

from cds_mm.commands.table import run_tool

if __name__ == '__main__':
    sys.exit(run_tool(__file__))
