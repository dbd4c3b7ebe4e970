"""Draw training loss and accuracy of runs; ``--help`` lists the flags."""

import sys

from cds_mm.commands.plot_losses import main
from cds_mm.outcome import friendly_main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
