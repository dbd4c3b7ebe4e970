"""Strips a checkpoint to its backbone, proves it, and writes it."""

import sys

from cds_mm.commands.convert_backbone import main
from cds_mm.outcome import friendly_main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
