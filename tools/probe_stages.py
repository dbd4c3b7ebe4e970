"""Probe every stage of a checkpoint; ``--help`` lists the flags."""

import sys

from cds_mm.commands.probe_stages import main
from cds_mm.outcome import friendly_main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
