"""Draw the reliability diagram of a checkpoint; ``--help`` lists the flags.

    python tools/reliability_diagram.py CONFIG CHECKPOINT --out FILE.png

The config's test set is evaluated as ``tools/test.py`` does it.  Beside the
picture stands FILE.json with ECE, NLL and Brier score, and T if it is fitted.
"""

import sys

from cds_mm.engine.cli import friendly_main
from cds_mm.engine.reliability import main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
