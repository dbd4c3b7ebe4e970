"""Probe every stage of a checkpoint; ``--help`` lists the flags.

    python tools/probe_stages.py CONFIG CHECKPOINT --out DIR

A linear probe and a kNN on the pooled features of each stage, fitted to the
training set and judged on the test set, both as ``tools/test.py`` sees
images.  DIR/stages.json has the numbers, DIR/stages.png a picture of them.
"""

import sys

from cds_mm.engine.cli import friendly_main
from cds_mm.engine.probes import main

if __name__ == '__main__':
    sys.exit(friendly_main(main)())
