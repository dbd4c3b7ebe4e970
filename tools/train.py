"""Train the model of a config; ``--help`` lists the flags."""

import sys

from cds_mm.commands.train import main
from cds_mm.outcome import friendly_main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
