"""Pretrain on digits, convert, detect digits in scenes; `make demo`."""

import sys

from cds_mm.commands.demo import main
from cds_mm.outcome import friendly_main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
