"""Train the model of a config; ``--help`` lists the flags."""

import sys

from cds_mm.engine.cli import friendly_main
from cds_mm.engine.train import main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
