"""Strips a checkpoint to its backbone, proves it, and writes it."""

import sys

from cds_mm.commands.table import run_tool

if __name__ == '__main__':
    sys.exit(run_tool(__file__))
