"""``python tools/label_fraction.py --help``."""

import sys

from cds_mm.engine.cli import friendly_main
from cds_mm.engine.label_file import main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
