"""Draw training loss and accuracy of runs; ``--help`` lists the flags."""

import sys

from cds_mm.commands.table import run_tool

if __name__ == '__main__':
    sys.exit(run_tool(__file__))
