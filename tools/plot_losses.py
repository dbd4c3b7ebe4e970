"""Draw training loss and accuracy of runs; ``--help`` lists the flags.

    python tools/plot_losses.py WORK_DIR... --out FILE.png

Also prints how each run ended, and whether it has a higher training cross
entropy and a higher accuracy than the first, as the paper says of CDS.
"""

import sys

from cds_mm.engine.cli import friendly_main
from cds_mm.engine.loss_curves import main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
