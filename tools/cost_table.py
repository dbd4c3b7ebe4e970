"""What methods cost beside each other: parameters, MACs, step time, memory."""

import sys

from cds_mm.commands.table import run_tool

if __name__ == '__main__':
    sys.exit(run_tool(__file__))
