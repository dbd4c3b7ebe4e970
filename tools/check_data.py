"""Look at all annotations and images of a config before a training."""

import sys

from cds_mm.commands.check_data import main
from cds_mm.outcome import friendly_main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
