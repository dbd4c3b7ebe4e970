"""Evaluate a checkpoint; ``--help`` lists the flags."""

import sys

from cds_mm.engine.cli import friendly_main
from cds_mm.engine.test import main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
