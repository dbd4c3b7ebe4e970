"""``python tools/label_fraction.py --help``."""

import sys

from cds_mm.commands.label_fraction import main
from cds_mm.outcome import friendly_main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
