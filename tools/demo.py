"""Pretrain on digits, convert, detect digits in scenes; `make demo`."""

import sys

from cds_mm.commands.table import run_tool

if __name__ == '__main__':
    sys.exit(run_tool(__file__))
