"""``python tools/run_row.py --help``."""

import sys

from cds_mm.commands.run_row import main
from cds_mm.outcome import friendly_main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
