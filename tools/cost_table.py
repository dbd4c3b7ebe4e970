"""What methods cost beside each other: parameters, MACs, step time, memory."""

import sys

from cds_mm.commands.cost_table import main
from cds_mm.outcome import friendly_main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
