"""Write a picture of the views that a config trains on."""

import sys

from cds_mm.commands.browse_views import main
from cds_mm.outcome import friendly_main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
